//! Parses filters (RFC 7644 §3.4.2.2). Values can be unquoted, as in WSO2's searches: such a value ends at the next
//! white space or bracket.

use serde_json::Value;

/// Maximum length of a filter, in bytes.
const BYTES_MAX: usize = 4096;
/// Maximum nesting depth of brackets and `not`.
const DEPTH_MAX: usize = 16;
/// Maximum number of comparisons in one filter.
const COMPARISONS_MAX: usize = 32;

/// A parsed filter expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of these match.
    And(Vec<Filter>),
    /// At least one of these matches.
    Or(Vec<Filter>),
    /// This one doesn't match.
    Not(Box<Filter>),
    /// A comparison of an attribute with a value.
    Compare(Comparison),
    /// The attribute has a value (`pr`).
    Present(String),
    /// At least one value of a complex attribute matches a filter of its own: `emails[type eq "work"]`.
    Within(String, Box<Filter>),
}

/// A comparison of an attribute with a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The attribute's name or path, as it was written.
    pub attribute: String,
    /// How the attribute and the value are compared.
    pub operator: Operator,
    /// The value to compare with.
    pub value: Literal,
}

/// A comparison operator (RFC 7644 table 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `eq`: the values are equal.
    Eq,
    /// `ne`: the values are not equal.
    Ne,
    /// `co`: contains the text.
    Co,
    /// `sw`: starts with the text.
    Sw,
    /// `ew`: ends with the text.
    Ew,
    /// `gt`: greater than the value.
    Gt,
    /// `ge`: greater than or equal to the value.
    Ge,
    /// `lt`: less than the value.
    Lt,
    /// `le`: less than or equal to the value.
    Le,
}

impl Operator {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Eq, "eq"),
        (Self::Ne, "ne"),
        (Self::Co, "co"),
        (Self::Sw, "sw"),
        (Self::Ew, "ew"),
        (Self::Gt, "gt"),
        (Self::Ge, "ge"),
        (Self::Lt, "lt"),
        (Self::Le, "le"),
    ];

    /// Parses an operator, in upper or lower case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)).map(|(one, _)| *one)
    }

    /// Returns the operator in lower case, such as `eq`.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(one, _)| *one == self).map_or("", |(_, name)| name)
    }
}

/// The value that an attribute is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// Text, quoted or unquoted.
    Text(String),
    /// A whole number without quotes.
    Number(i64),
    /// `true` or `false` without quotes.
    Flag(bool),
    /// `null`: the attribute has no value.
    Null,
}

impl Literal {
    /// Returns the value as text; empty for `null`.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Null => String::new(),
        }
    }
}

/// The reason why a text isn't a valid filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// The filter exceeds the limit for its length, its depth or the number of comparisons.
    #[error("the filter is too long")]
    TooLong,
    /// The filter ends where something has to follow.
    #[error("the filter ends too early")]
    Incomplete,
    /// This text isn't allowed at its position.
    #[error("'{0}' is not expected there")]
    Unexpected(String),
    /// This operator doesn't exist.
    #[error("'{0}' is none of eq ne co sw ew gt ge lt le pr")]
    Operator(String),
    /// A quoted text isn't terminated, or isn't a valid JSON string.
    #[error("a quoted value is malformed")]
    Quotes,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    /// `[`, outside of a value; [`Token::End`] is `]`.
    Begin,
    End,
    Word(String),
    Quoted(String),
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Self::Open => "(".into(),
            Self::Close => ")".into(),
            Self::Begin => "[".into(),
            Self::End => "]".into(),
            Self::Word(text) | Self::Quoted(text) => text.chars().take(40).collect(),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let mut out: Vec<Token> = Vec::new();
    let mut rest = text.trim_start();
    let mut inside = false;
    while let Some(first) = rest.chars().next() {
        // An unquoted value may contain brackets, as user agents do, but not the bracket that ends the group.
        let value =
            matches!(out.last(), Some(Token::Word(word)) if Operator::parse(word).is_some());
        let length = match first {
            '[' if !value => {
                out.push(Token::Begin);
                inside = true;
                1
            }
            ']' if inside => {
                out.push(Token::End);
                inside = false;
                1
            }
            '(' => {
                out.push(Token::Open);
                1
            }
            ')' => {
                out.push(Token::Close);
                1
            }
            '"' => {
                let length = quoted_length(rest).ok_or(FilterError::Quotes)?;
                let raw = rest.get(..length).ok_or(FilterError::Quotes)?;
                out.push(Token::Quoted(
                    serde_json::from_str(raw).map_err(|_| FilterError::Quotes)?,
                ));
                length
            }
            _ => {
                let length = rest.find(|c: char| {
                    c.is_whitespace()
                        || matches!(c, '(' | ')' | '"')
                        || (c == '[' && !value)
                        || (c == ']' && inside)
                });
                let length = length.unwrap_or(rest.len());
                out.push(Token::Word(rest.get(..length).unwrap_or_default().to_owned()));
                length
            }
        };
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    Ok(out)
}

/// Returns the length in bytes of the JSON string at the start of a text, with its quotes; `None` if it isn't
/// terminated.
fn quoted_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    comparisons: usize,
}

impl Parser {
    fn is_word(&mut self, word: &str) -> bool {
        matches!(self.tokens.peek(), Some(Token::Word(text)) if text.eq_ignore_ascii_case(word))
    }

    fn next(&mut self) -> Result<Token, FilterError> {
        self.tokens.next().ok_or(FilterError::Incomplete)
    }

    /// Parses an expression with `or`, which has the lowest precedence.
    fn any(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut all = vec![self.every(depth)?];
        while self.is_word("or") {
            self.next()?;
            all.push(self.every(depth)?);
        }
        Ok(single(all, Filter::Or))
    }

    fn every(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut all = vec![self.one(depth)?];
        while self.is_word("and") {
            self.next()?;
            all.push(self.one(depth)?);
        }
        Ok(single(all, Filter::And))
    }

    fn one(&mut self, depth: usize) -> Result<Filter, FilterError> {
        if depth > DEPTH_MAX {
            return Err(FilterError::TooLong);
        }
        if self.is_word("not") {
            self.next()?;
            return Ok(Filter::Not(Box::new(self.group(depth + 1)?)));
        }
        if self.tokens.peek() == Some(&Token::Open) {
            return self.group(depth + 1);
        }
        self.comparison(depth)
    }

    /// Parses what follows `attribute[`, up to the closing bracket.
    fn within(&mut self, attribute: String, depth: usize) -> Result<Filter, FilterError> {
        let inner = self.any(depth + 1)?;
        match self.next()? {
            Token::End => {}
            other => return Err(FilterError::Unexpected(other.shown())),
        }
        // Many clients write `emails[type eq "work"].value eq "x"`: the same value has to match both conditions.
        let part = match self.tokens.peek() {
            Some(Token::Word(text)) => text.strip_prefix('.').map(str::to_owned),
            _ => None,
        };
        let inner = match part {
            None => inner,
            Some(part) => {
                self.next()?;
                Filter::And(vec![inner, self.compared(part)?])
            }
        };
        Ok(Filter::Within(attribute, Box::new(inner)))
    }

    fn group(&mut self, depth: usize) -> Result<Filter, FilterError> {
        match self.next()? {
            Token::Open => {}
            other => return Err(FilterError::Unexpected(other.shown())),
        }
        let inner = self.any(depth)?;
        match self.next()? {
            Token::Close => Ok(inner),
            other => Err(FilterError::Unexpected(other.shown())),
        }
    }

    fn comparison(&mut self, depth: usize) -> Result<Filter, FilterError> {
        self.comparisons += 1;
        if self.comparisons > COMPARISONS_MAX {
            return Err(FilterError::TooLong);
        }
        let attribute = match self.next()? {
            Token::Word(text) => text,
            other => return Err(FilterError::Unexpected(other.shown())),
        };
        if self.tokens.peek() == Some(&Token::Begin) {
            self.next()?;
            return self.within(attribute, depth);
        }
        self.compared(attribute)
    }

    /// Parses what follows an attribute: `pr`, or an operator and a value.
    fn compared(&mut self, attribute: String) -> Result<Filter, FilterError> {
        let operator = match self.next()? {
            Token::Word(text) => text,
            other => return Err(FilterError::Unexpected(other.shown())),
        };
        if operator.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present(attribute));
        }
        let operator =
            Operator::parse(&operator).ok_or_else(|| FilterError::Operator(operator.clone()))?;
        let value = match self.next()? {
            Token::Quoted(text) => Literal::Text(text),
            Token::Word(text) => bare(&text),
            other => return Err(FilterError::Unexpected(other.shown())),
        };
        Ok(Filter::Compare(Comparison { attribute, operator, value }))
    }
}

/// Interprets an unquoted value as JSON if it is a Boolean, `null` or an integer, and as text otherwise.
fn bare(text: &str) -> Literal {
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Bool(flag)) => Literal::Flag(flag),
        Ok(Value::Null) => Literal::Null,
        Ok(Value::Number(number)) => {
            number.as_i64().map_or_else(|| Literal::Text(text.to_owned()), Literal::Number)
        }
        _ => Literal::Text(text.to_owned()),
    }
}

fn single(mut all: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Filter {
    match all.pop() {
        Some(only) if all.is_empty() => only,
        Some(last) => {
            all.push(last);
            join(all)
        }
        None => join(all),
    }
}

impl Filter {
    /// Parses a filter.
    ///
    /// # Errors
    /// [`FilterError::TooLong`] if it exceeds a limit; otherwise the variant that says what is wrong with its syntax.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        if text.len() > BYTES_MAX {
            return Err(FilterError::TooLong);
        }
        let tokens = tokens(text)?.into_iter().peekable();
        let mut parser = Parser { tokens, comparisons: 0 };
        let filter = parser.any(0)?;
        match parser.tokens.next() {
            None => Ok(filter),
            Some(token) => Err(FilterError::Unexpected(token.shown())),
        }
    }

    /// Returns every comparison, except those inside a [`Filter::Within`].
    pub fn comparisons(&self) -> Vec<&Comparison> {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().flat_map(Self::comparisons).collect(),
            Self::Not(inner) => inner.comparisons(),
            Self::Compare(comparison) => vec![comparison],
            Self::Present(_) | Self::Within(..) => Vec::new(),
        }
    }

    /// Returns the comparisons that have to hold for the filter to match: those joined by `and` at the top level.
    pub fn required(&self) -> Vec<&Comparison> {
        match self {
            Self::And(all) => all.iter().flat_map(Self::required).collect(),
            Self::Compare(comparison) => vec![comparison],
            _ => Vec::new(),
        }
    }

    /// Evaluates the filter as far as the values are known: `test` returns whether a comparison holds, and `present`
    /// whether an attribute has a value, or `None` if that isn't known yet. Returns `None` if the result depends on
    /// unknown values.
    pub fn decide(
        &self,
        test: &impl Fn(&Comparison) -> Option<bool>,
        present: &impl Fn(&str) -> Option<bool>,
    ) -> Option<bool> {
        let any = |all: &[Self], settles: bool| {
            let mut known = true;
            for one in all {
                match one.decide(test, present) {
                    Some(found) if found == settles => return Some(settles),
                    Some(_) => {}
                    None => known = false,
                }
            }
            known.then_some(!settles)
        };
        match self {
            Self::And(all) => any(all, false),
            Self::Or(all) => any(all, true),
            Self::Not(inner) => inner.decide(test, present).map(|found| !found),
            Self::Compare(comparison) => test(comparison),
            Self::Present(attribute) => present(attribute),
            // This is used for resources that have no complex attributes.
            Self::Within(..) => Some(false),
        }
    }

    /// Returns every attribute that the filter names, as it was written.
    pub fn attributes(&self) -> Vec<&str> {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().flat_map(Self::attributes).collect(),
            Self::Not(inner) => inner.attributes(),
            Self::Compare(comparison) => vec![&comparison.attribute],
            Self::Present(attribute) | Self::Within(attribute, _) => vec![attribute],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compare(attribute: &str, operator: Operator, value: Literal) -> Filter {
        Filter::Compare(Comparison { attribute: attribute.into(), operator, value })
    }

    #[test]
    fn rfc_7644_3_4_2_2_precedence_and_values() {
        let text = |text: &str| Literal::Text(text.into());
        let (a, b) =
            (compare("a", Operator::Eq, text("x y")), compare("b", Operator::Sw, text("z")));
        let c = compare("c", Operator::Ge, Literal::Number(7));
        for (filter, want) in [
            (r#"a eq "x y""#, a.clone()),
            ("b SW z", b.clone()),
            ("c ge 7", c.clone()),
            (r#"a eq "x y" and b sw z"#, Filter::And(vec![a.clone(), b.clone()])),
            (
                r#"c ge 7 or a eq "x y" and b sw z"#,
                Filter::Or(vec![c.clone(), Filter::And(vec![a.clone(), b.clone()])]),
            ),
            (
                r#"(c ge 7 or a eq "x y") and not (b sw "z")"#,
                Filter::And(vec![
                    Filter::Or(vec![c.clone(), a.clone()]),
                    Filter::Not(Box::new(b.clone())),
                ]),
            ),
            ("d pr", Filter::Present("d".into())),
            ("e eq true", compare("e", Operator::Eq, Literal::Flag(true))),
            (r#"f eq "a\"b\u00e9""#, compare("f", Operator::Eq, text("a\"bé"))),
            ("g co [en]", compare("g", Operator::Co, text("[en]"))),
            (
                r#"h[a eq "x y"] and b sw z"#,
                Filter::And(vec![Filter::Within("h".into(), Box::new(a.clone())), b.clone()]),
            ),
            ("h[b sw z]", Filter::Within("h".into(), Box::new(b.clone()))),
        ] {
            assert_eq!(Filter::parse(filter), Ok(want), "{filter}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        use FilterError as E;
        for (filter, want) in [
            ("", E::Incomplete),
            ("a", E::Incomplete),
            ("a eq", E::Incomplete),
            ("a like x", E::Operator("like".into())),
            ("a eq x y", E::Unexpected("y".into())),
            ("a eq x and", E::Incomplete),
            ("(a eq x", E::Incomplete),
            ("a eq x)", E::Unexpected(")".into())),
            ("not a eq x", E::Unexpected("a".into())),
            ("a eq \"x", E::Quotes),
            ("\"a\" eq x", E::Unexpected("a".into())),
            ("a[b eq c", E::Incomplete),
        ] {
            assert_eq!(Filter::parse(filter), Err(want), "{filter}");
        }
        assert_eq!(Filter::parse(&"(".repeat(40)), Err(E::TooLong));
        assert_eq!(Filter::parse(&"a eq x and ".repeat(400)), Err(E::TooLong));
    }

    #[test]
    fn evaluation() {
        let filter = Filter::parse("(a eq 1 or b eq 2) and not (c eq 3)").expect("fine");
        let decided = |names: &str, unknown: &str| {
            let test = |one: &Comparison| {
                (!unknown.contains(&one.attribute)).then(|| names.contains(&one.attribute))
            };
            filter.decide(&test, &|_| Some(false))
        };
        for (names, unknown, want) in [
            ("a", "", Some(true)),
            ("b", "", Some(true)),
            ("ac", "", Some(false)),
            ("", "", Some(false)),
            ("a", "b", Some(true)),
            ("", "b", None),
            ("c", "ab", Some(false)),
            ("a", "c", None),
        ] {
            assert_eq!(decided(names, unknown), want, "{names} {unknown}");
        }
        assert_eq!(filter.attributes(), ["a", "b", "c"]);
        assert_eq!(filter.required().len(), 0);
        assert_eq!(Filter::parse("a eq 1 and b eq 2").expect("fine").required().len(), 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_answered(text in any::<String>(), words in proptest::collection::vec("a|eq|and|or|not|\\(|\\)|\"|x|7", 0..40)) {
            let _ = Filter::parse(&text);
            let _ = Filter::parse(&words.join(" "));
        }
    }
}
