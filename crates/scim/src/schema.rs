//! Schemas (RFC 7643 §7): the attributes of a resource and their properties. The same definitions are published and
//! used to check requests.

use serde_json::{Value, json};

/// The data type of an attribute (RFC 7643 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Unicode text in UTF-8 (`string`).
    String,
    /// `true` or `false` (`boolean`).
    Boolean,
    /// A whole number (`integer`).
    Integer,
    /// A date and time as in RFC 3339 (`dateTime`).
    DateTime,
    /// A URI of a resource or page (`reference`).
    Reference,
    /// Binary data in base64 (`binary`).
    Binary,
    /// An object with sub-attributes (`complex`).
    Complex,
}

impl Kind {
    /// Returns the name of the type in published schemas.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::DateTime => "dateTime",
            Self::Reference => "reference",
            Self::Binary => "binary",
            Self::Complex => "complex",
        }
    }
}

/// Who can write an attribute (RFC 7643 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutability {
    /// Only the server writes it.
    ReadOnly,
    /// Clients can read and write it.
    ReadWrite,
    /// Clients can write it, and it is never returned.
    WriteOnly,
    /// Clients can set it once; it can't be changed afterwards.
    Immutable,
}

/// When an attribute is returned (RFC 7643 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// In every response, whatever the request excludes.
    Always,
    /// Unless the request excludes it or asks for others only.
    Default,
    /// In no response, such as a password.
    Never,
}

/// The definition of an attribute (RFC 7643 §7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// The name, in the spelling that responses use; requests can use any case.
    pub name: String,
    /// Explains the attribute to people who read the schema.
    pub description: String,
    /// The data type of its values.
    pub kind: Kind,
    /// Whether it can have several values.
    pub multi_valued: bool,
    /// Whether a resource must have it.
    pub required: bool,
    /// Whether comparisons distinguish upper and lower case.
    pub case_exact: bool,
    /// Who can write it.
    pub mutability: Mutability,
    /// When it is returned.
    pub returned: Returned,
    /// Whether values are unique among resources (`uniqueness` is `server`).
    pub unique: bool,
    /// `referenceTypes`: what a reference points to; empty for other types.
    pub refers_to: Vec<&'static str>,
    /// The sub-attributes; empty unless the type is complex.
    pub sub: Vec<Attribute>,
}

impl Attribute {
    fn new(name: &str, kind: Kind, description: &str) -> Self {
        Self {
            name: name.into(),
            description: description.into(),
            kind,
            multi_valued: false,
            required: false,
            case_exact: matches!(kind, Kind::Reference | Kind::Binary | Kind::DateTime),
            mutability: Mutability::ReadWrite,
            returned: Returned::Default,
            unique: false,
            refers_to: Vec::new(),
            sub: Vec::new(),
        }
    }

    fn many(mut self) -> Self {
        self.multi_valued = true;
        self
    }

    fn required(mut self) -> Self {
        self.required = true;
        self
    }

    fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    fn exact(mut self) -> Self {
        self.case_exact = true;
        self
    }

    fn read_only(mut self) -> Self {
        self.mutability = Mutability::ReadOnly;
        self
    }

    fn immutable(mut self) -> Self {
        self.mutability = Mutability::Immutable;
        self
    }

    fn to(mut self, what: &[&'static str]) -> Self {
        self.refers_to = what.to_vec();
        self
    }

    fn of(mut self, sub: Vec<Self>) -> Self {
        self.sub = sub;
        self
    }

    /// Returns a sub-attribute by name, ignoring case.
    #[must_use]
    pub fn part(&self, name: &str) -> Option<&Self> {
        self.sub.iter().find(|one| one.name.eq_ignore_ascii_case(name))
    }

    fn published(&self) -> Value {
        let mut all = json!({
            "name": self.name,
            "type": self.kind.as_str(),
            "multiValued": self.multi_valued,
            "description": self.description,
            "required": self.required,
            "mutability": match self.mutability {
                Mutability::ReadOnly => "readOnly",
                Mutability::ReadWrite => "readWrite",
                Mutability::WriteOnly => "writeOnly",
                Mutability::Immutable => "immutable",
            },
            "returned": match self.returned {
                Returned::Always => "always",
                Returned::Default => "default",
                Returned::Never => "never",
            },
        });
        let Some(object) = all.as_object_mut() else { return all };
        match self.kind {
            Kind::Complex => {
                let sub: Vec<Value> = self.sub.iter().map(Self::published).collect();
                object.insert("subAttributes".into(), sub.into());
            }
            Kind::Boolean | Kind::Integer => {}
            _ => {
                object.insert("caseExact".into(), self.case_exact.into());
                let unique = if self.unique { "server" } else { "none" };
                object.insert("uniqueness".into(), unique.into());
            }
        }
        if self.kind == Kind::Reference {
            object.insert("referenceTypes".into(), json!(self.refers_to));
        }
        all
    }
}

fn text(name: &str, description: &str) -> Attribute {
    Attribute::new(name, Kind::String, description)
}

fn flag(name: &str, description: &str) -> Attribute {
    Attribute::new(name, Kind::Boolean, description)
}

fn complex(name: &str, description: &str, sub: Vec<Attribute>) -> Attribute {
    Attribute::new(name, Kind::Complex, description).of(sub)
}

/// Defines a multi-valued attribute with `type` and `primary` (RFC 7643 §2.4).
fn plural(name: &str, description: &str, value: Attribute) -> Attribute {
    let sub = vec![
        value,
        text("display", "A name to show."),
        text("type", "What it is used for."),
        flag("primary", "Whether it is the preferred one."),
    ];
    complex(name, description, sub).many()
}

/// A schema with its attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// The URN that identifies the schema.
    pub id: String,
    /// A name for people, such as `User`.
    pub name: &'static str,
    /// Explains the schema to people who read it.
    pub description: &'static str,
    /// The attributes, including those that every resource has.
    pub attributes: Vec<Attribute>,
}

impl Schema {
    /// Returns an attribute by name, ignoring case.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|one| one.name.eq_ignore_ascii_case(name))
    }

    /// Returns the schema as `/Schemas` shows it. `base` is the URL of the SCIM API.
    #[must_use]
    pub fn published(&self, base: &str) -> Value {
        // Attributes that every resource has aren't part of a schema (RFC 7643 §3.1).
        let own = self.attributes.iter().filter(|one| !is_of_all(&one.name));
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "attributes": own.map(Attribute::published).collect::<Vec<_>>(),
            "meta": {
                "resourceType": "Schema",
                "location": format!("{base}/Schemas/{}", self.id),
            },
        })
    }
}

fn is_of_all(name: &str) -> bool {
    matches!(name, "schemas" | "id" | "externalId" | "meta")
}

/// A type of resource: its schema, extensions and endpoint (RFC 7643 §6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceType {
    /// Name of the type, as in `meta.resourceType`.
    pub name: &'static str,
    /// Explains the type to people.
    pub description: &'static str,
    /// Path of the endpoint below the base URL, such as `/Users`.
    pub endpoint: &'static str,
    /// The schema that every resource of this type has.
    pub schema: Schema,
    /// Schemas of the extensions that a resource can have in addition.
    pub extensions: Vec<Schema>,
}

impl ResourceType {
    /// Returns the type as `/ResourceTypes` shows it. `base` is the URL of the SCIM API.
    #[must_use]
    pub fn published(&self, base: &str) -> Value {
        let mut all = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": self.name,
            "name": self.name,
            "endpoint": self.endpoint,
            "description": self.description,
            "schema": self.schema.id,
            "meta": {
                "resourceType": "ResourceType",
                "location": format!("{base}/ResourceTypes/{}", self.name),
            },
        });
        if let Some(object) = all.as_object_mut().filter(|_| !self.extensions.is_empty()) {
            let extensions: Vec<Value> = self
                .extensions
                .iter()
                .map(|one| {
                    let required = one.attributes.iter().any(|attribute| attribute.required);
                    json!({ "schema": one.id, "required": required })
                })
                .collect();
            object.insert("schemaExtensions".into(), extensions.into());
        }
        all
    }

    /// Returns the schema or extension with a URN, ignoring case.
    #[must_use]
    pub fn schema_of(&self, urn: &str) -> Option<&Schema> {
        std::iter::once(&self.schema)
            .chain(&self.extensions)
            .find(|schema| schema.id.eq_ignore_ascii_case(urn))
    }
}

/// The URN of the schema for users (RFC 7643 §4.1).
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The URN of the schema for groups (RFC 7643 §4.2).
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The URN of the enterprise extension for users (RFC 7643 §4.3).
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// The URN of the schema for roles, as WSO2 defines it.
pub const ROLE: &str = "urn:ietf:params:scim:schemas:extension:2.0:Role";
/// The URN of the extension with claims of OpenID Connect that SCIM has no attribute for.
pub const OPENID: &str = "urn:sojourn:schemas:extension:openid:2.0:User";
/// The URN of the extension with custom attributes, which the configuration declares.
pub const CUSTOM: &str = "urn:sojourn:schemas:extension:custom:2.0:User";

fn of_all() -> Vec<Attribute> {
    let time = |name, about| Attribute::new(name, Kind::DateTime, about).read_only();
    let always = |mut one: Attribute| {
        one.returned = Returned::Always;
        one
    };
    vec![
        always(
            Attribute::new("schemas", Kind::Reference, "The schemas of the resource.")
                .many()
                .to(&["uri"]),
        ),
        always(text("id", "The server's name for it.").exact().read_only().unique()),
        text("externalId", "The client's name for it.").exact(),
        complex(
            "meta",
            "About the resource itself.",
            vec![
                text("resourceType", "Its type.").exact().read_only(),
                time("created", "When it was made."),
                time("lastModified", "When it was changed last."),
                Attribute::new("location", Kind::Reference, "Its address.")
                    .to(&["uri"])
                    .read_only(),
                text("version", "Its entity tag.").exact().read_only(),
            ],
        )
        .read_only(),
    ]
}

/// Defines a list of references to other resources, such as the members of a group.
fn belongs(name: &str, what: &[&'static str], description: &str) -> Attribute {
    complex(
        name,
        description,
        vec![
            text("value", "Its id.").exact(),
            Attribute::new("$ref", Kind::Reference, "Its address.").to(what),
            text("display", "Its name.").read_only(),
        ],
    )
    .many()
}

/// A custom attribute of users, which the configuration declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custom {
    /// The attribute's name (RFC 7643 §2.1).
    pub name: String,
    /// Explains the attribute to people who read the schema.
    pub description: String,
    /// The data type of its values; never complex.
    pub kind: Kind,
    /// Whether it can have several values.
    pub multi_valued: bool,
    /// Whether every user must have it.
    pub required: bool,
}

/// Returns the type of users (RFC 7643 §4.1), with the enterprise extension (§4.3), the one for OpenID Connect, and
/// one for custom attributes if there are any.
#[must_use]
pub fn user(custom: &[Custom]) -> ResourceType {
    let mut attributes = of_all();
    attributes.extend(user_attributes());
    let schema =
        Schema { id: USER.into(), name: "User", description: "A person's account.", attributes };
    let mut extensions = vec![enterprise(), openid()];
    if !custom.is_empty() {
        let attributes = custom
            .iter()
            .map(|one| Attribute {
                multi_valued: one.multi_valued,
                required: one.required,
                ..Attribute::new(&one.name, one.kind, &one.description)
            })
            .collect();
        extensions.push(Schema {
            id: CUSTOM.into(),
            name: "CustomUser",
            description: "What this organisation knows of users besides.",
            attributes,
        });
    }
    ResourceType {
        name: "User",
        description: "A person's account.",
        endpoint: "/Users",
        schema,
        extensions,
    }
}

/// Returns the extension with claims that SCIM has no attribute for (OpenID Connect Core 1.0 §5.1).
fn openid() -> Schema {
    let website = Attribute::new("website", Kind::Reference, "The person's own page.");
    Schema {
        id: OPENID.into(),
        name: "OpenIDUser",
        description: "What OpenID Connect tells of a person besides.",
        attributes: vec![
            website.to(&["external"]),
            text("gender", "The person's gender, in a word."),
            text("birthdate", "ISO 8601: YYYY-MM-DD, or YYYY alone; the year 0000 for none."),
            flag("emailVerified", "Whether the preferred mail address is proved to be theirs."),
            flag("phoneNumberVerified", "Whether the preferred number is proved to be theirs."),
        ],
    }
}

fn user_attributes() -> Vec<Attribute> {
    let mut password = text("password", "Write only; see the rules for passwords.").exact();
    password.mutability = Mutability::WriteOnly;
    password.returned = Returned::Never;
    let address = [
        ("formatted", "As on a letter."),
        ("streetAddress", "Street and number."),
        ("locality", "City."),
        ("region", "State or region."),
        ("postalCode", "Postal code."),
        ("country", "Country, ISO 3166-1 alpha-2."),
        ("type", "What it is used for."),
    ];
    let mut address: Vec<Attribute> =
        address.iter().map(|(name, about)| text(name, about)).collect();
    address.push(flag("primary", "Whether it is the preferred one."));
    let name = [
        ("formatted", "The whole name."),
        ("familyName", "Family name."),
        ("givenName", "Given name."),
        ("middleName", "Middle names."),
        ("honorificPrefix", "Title before the name."),
        ("honorificSuffix", "Suffix behind the name."),
    ];
    let photo = Attribute::new("value", Kind::Reference, "Address of a picture.").to(&["external"]);
    let profile = Attribute::new("profileUrl", Kind::Reference, "A page about the person.");
    let certificate = Attribute::new("value", Kind::Binary, "A certificate, DER.");
    let mut groups = belongs("groups", &["Group"], "The groups that the user is in.").read_only();
    groups.sub.push(text("type", "`direct`: groups have no groups in them.").read_only());
    // `$ref` is accepted and not returned: RFC 7643 §4.1.2 doesn't define it for roles, and strict clients reject it.
    let mut roles =
        belongs("roles", &["Role"], "The roles that the user has; changing them may end sessions.");
    roles.sub.retain(|part| part.name != "$ref");
    vec![
        text("userName", "The name to sign in with.").required().unique(),
        complex(
            "name",
            "The parts of the person's name.",
            name.iter().map(|(name, about)| text(name, about)).collect(),
        ),
        text("displayName", "The name to show."),
        text("nickName", "What friends say."),
        profile.to(&["external"]),
        text("title", "Title, such as Vice President."),
        text("userType", "Relation to the organisation."),
        text("preferredLanguage", "As in Accept-Language."),
        text("locale", "For dates and numbers."),
        text("timezone", "IANA time zone."),
        flag("active", "Whether the account may be used. Switching it off ends its sessions."),
        password,
        plural("emails", "Mail addresses.", text("value", "The address.")),
        plural("phoneNumbers", "Telephone numbers.", text("value", "The number.")),
        plural("ims", "Addresses for messages.", text("value", "The address.")),
        plural("photos", "Pictures.", photo),
        complex("addresses", "Postal addresses.", address).many(),
        groups,
        plural("entitlements", "What the user is entitled to.", text("value", "What it is.")),
        roles,
        plural("x509Certificates", "Certificates.", certificate),
    ]
}

fn enterprise() -> Schema {
    let manager = complex(
        "manager",
        "The user's manager.",
        vec![
            text("value", "The manager's id.").exact(),
            Attribute::new("$ref", Kind::Reference, "The manager's address.").to(&["User"]),
            text("displayName", "The manager's name.").read_only(),
        ],
    );
    let mut attributes: Vec<Attribute> = [
        ("employeeNumber", "Number in the organisation."),
        ("costCenter", "Cost centre."),
        ("organization", "Organisation."),
        ("division", "Division."),
        ("department", "Department."),
    ]
    .iter()
    .map(|(name, about)| text(name, about))
    .collect();
    attributes.push(manager);
    Schema {
        id: ENTERPRISE.into(),
        name: "EnterpriseUser",
        description: "What enterprises know of users.",
        attributes,
    }
}

/// Returns the type of groups (RFC 7643 §4.2). Their members are users.
#[must_use]
pub fn group() -> ResourceType {
    let mut attributes = of_all();
    attributes.push(text("displayName", "The group's name.").required().unique());
    let mut members = belongs("members", &["User"], "Who is in it.");
    for part in &mut members.sub {
        if part.mutability == Mutability::ReadWrite {
            *part = part.clone().immutable();
        }
    }
    attributes.push(members);
    attributes
        .push(belongs("roles", &["Role"], "The roles that its members have by it.").read_only());
    let description = "A group of users.";
    let schema = Schema { id: GROUP.into(), name: "Group", description, attributes };
    ResourceType { name: "Group", description, endpoint: "/Groups", schema, extensions: Vec::new() }
}

/// Returns the type of roles, compatible with WSO2's `/scim2/v2/Roles`.
#[must_use]
pub fn role() -> ResourceType {
    let mut attributes = of_all();
    attributes.push(text("displayName", "The role's name.").required().unique());
    attributes.push(
        complex(
            "permissions",
            "The scopes that it permits.",
            vec![text("value", "The scope.").exact(), text("display", "Its name.").read_only()],
        )
        .many(),
    );
    attributes.push(belongs("users", &["User"], "Members who don't have it through a group."));
    attributes.push(belongs("groups", &["Group"], "The groups that carry it."));
    let audience = [("value", "Its id."), ("display", "Its name."), ("type", "`organization`.")];
    attributes.push(
        complex(
            "audience",
            "Where it counts: in the whole tenant.",
            audience.iter().map(|(name, about)| text(name, about).read_only()).collect(),
        )
        .read_only(),
    );
    let description = "A role: a name, and what it permits.";
    let schema = Schema { id: ROLE.into(), name: "Role", description, attributes };
    ResourceType {
        name: "Role",
        description,
        endpoint: "/v2/Roles",
        schema,
        extensions: Vec::new(),
    }
}
