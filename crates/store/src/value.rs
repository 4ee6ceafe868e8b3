//! Values and rows in the types that both databases share: 64-bit integers, text and blobs.

use crate::error::StoreError;

/// The value of a parameter or a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// The SQL value `NULL`.
    Null,
    /// A number, a flag (0 or 1) or milliseconds since 1970.
    Int(i64),
    /// UTF-8 text, including JSON documents.
    Text(String),
    /// Bytes, such as an id or a hash.
    Blob(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(value)
    }
}

impl From<sojourn_model::Millis> for Value {
    fn from(value: sojourn_model::Millis) -> Self {
        Self::Int(value.0)
    }
}

impl From<sojourn_model::TenantId> for Value {
    fn from(value: sojourn_model::TenantId) -> Self {
        Self::Int(value.0)
    }
}

macro_rules! from_id {
    ($($name:ident),+) => {
        $(impl From<sojourn_model::$name> for Value {
            fn from(value: sojourn_model::$name) -> Self {
                Self::Blob(value.to_vec())
            }
        })+
    };
}

from_id!(UserId, RoleId, GroupId, AppId, SessionId, Sid, GrantId, EndId, JobId, FactorId);

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A row. Columns are read from left to right, each once.
#[derive(Debug, Clone)]
pub struct Row {
    values: std::vec::IntoIter<Value>,
    statement: &'static str,
    column: usize,
}

impl Row {
    pub(crate) fn new(statement: &'static str, values: Vec<Value>) -> Self {
        // An iterator, so that reads move text and blobs out instead of copying them.
        Self { values: values.into_iter(), statement, column: 0 }
    }

    fn corrupt(&self) -> StoreError {
        StoreError::Corrupt { statement: self.statement, column: self.column }
    }

    /// Returns the next column, of any type.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if there is none.
    pub fn value(&mut self) -> Result<Value, StoreError> {
        self.column += 1;
        self.values.next().ok_or_else(|| self.corrupt())
    }

    /// Returns the next column as a number.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it isn't one.
    pub fn int(&mut self) -> Result<i64, StoreError> {
        match self.value()? {
            Value::Int(value) => Ok(value),
            _ => Err(self.corrupt()),
        }
    }

    /// Returns the next column as a number; `None` for `NULL`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it is neither.
    pub fn opt_int(&mut self) -> Result<Option<i64>, StoreError> {
        match self.value()? {
            Value::Int(value) => Ok(Some(value)),
            Value::Null => Ok(None),
            _ => Err(self.corrupt()),
        }
    }

    /// Returns the next column as a flag: any number but 0 is `true`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it isn't a number.
    pub fn flag(&mut self) -> Result<bool, StoreError> {
        Ok(self.int()? != 0)
    }

    /// Returns the next column as a time in milliseconds since 1970.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it isn't a number.
    pub fn millis(&mut self) -> Result<sojourn_model::Millis, StoreError> {
        self.int().map(sojourn_model::Millis)
    }

    /// Returns the next column as a time in milliseconds since 1970; `None` for `NULL`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it is neither.
    pub fn opt_millis(&mut self) -> Result<Option<sojourn_model::Millis>, StoreError> {
        Ok(self.opt_int()?.map(sojourn_model::Millis))
    }

    /// Returns the next column as text.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it isn't text.
    pub fn text(&mut self) -> Result<String, StoreError> {
        match self.value()? {
            Value::Text(value) => Ok(value),
            _ => Err(self.corrupt()),
        }
    }

    /// Returns the next column as text; `None` for `NULL`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it is neither.
    pub fn opt_text(&mut self) -> Result<Option<String>, StoreError> {
        match self.value()? {
            Value::Text(value) => Ok(Some(value)),
            Value::Null => Ok(None),
            _ => Err(self.corrupt()),
        }
    }

    /// Returns the next column as bytes.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it isn't a blob.
    pub fn blob(&mut self) -> Result<Vec<u8>, StoreError> {
        match self.value()? {
            Value::Blob(value) => Ok(value),
            _ => Err(self.corrupt()),
        }
    }

    /// Returns the next column as bytes; `None` for `NULL`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it is neither.
    pub fn opt_blob(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.value()? {
            Value::Blob(value) => Ok(Some(value)),
            Value::Null => Ok(None),
            _ => Err(self.corrupt()),
        }
    }

    /// Converts the next column from bytes with `read`, for example to an id.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it can't be converted.
    pub fn id<T, E>(&mut self, read: impl Fn(&[u8]) -> Result<T, E>) -> Result<T, StoreError> {
        let bytes = self.blob()?;
        read(&bytes).map_err(|_| self.corrupt())
    }

    /// Converts the next column from bytes with `read`; `None` for `NULL`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it can't be converted.
    pub fn opt_id<T, E>(
        &mut self,
        read: impl Fn(&[u8]) -> Result<T, E>,
    ) -> Result<Option<T>, StoreError> {
        match self.opt_blob()? {
            None => Ok(None),
            Some(bytes) => read(&bytes).map(Some).map_err(|_| self.corrupt()),
        }
    }

    /// Converts the next column from text with `read`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it can't be converted.
    pub fn parsed<T>(&mut self, read: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
        let text = self.text()?;
        read(&text).ok_or_else(|| self.corrupt())
    }
}
