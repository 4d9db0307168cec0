//! Why a document may not become what a client asked for: the conditions of `application/xcap-error+xml`
//! (RFC 4825 section 11).

/// A conflict (409): the condition, with what tells the client how to do better.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.phrase.as_deref().unwrap_or(self.condition.element()))]
pub struct Conflict {
    /// Which of the conditions it is.
    pub condition: Condition,
    /// Words for people.
    pub phrase: Option<String>,
}

/// The conditions of RFC 4825 section 11.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The body is no well-formed document.
    NotWellFormed,
    /// The body is no well-balanced region of a document.
    NotXmlFrag,
    /// The parent does not exist; the deepest ancestor that does, as a URI.
    NoParent(Option<String>),
    /// The result does not follow the schema.
    SchemaValidationError,
    /// The body is no attribute value.
    NotXmlAttValue,
    /// A GET of the same selector would not give back what was to be put.
    CannotInsert,
    /// A GET of the same selector would still find something.
    CannotDelete,
    /// Something that must be unique is not.
    UniquenessFailure(Vec<Exists>),
    /// Another rule of the application usage does not hold.
    ConstraintFailure,
    /// The body is not UTF-8.
    NotUtf8,
}

/// A value that is taken (RFC 4825 section 11.2, `exists`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exists {
    /// Selects the attribute or element that holds the value, as a node selector relative to the document.
    pub field: String,
    /// Values that would do.
    pub alt_values: Vec<String>,
}

impl Condition {
    /// The name of its element.
    #[must_use]
    pub fn element(&self) -> &'static str {
        match self {
            Self::NotWellFormed => "not-well-formed",
            Self::NotXmlFrag => "not-xml-frag",
            Self::NoParent(_) => "no-parent",
            Self::SchemaValidationError => "schema-validation-error",
            Self::NotXmlAttValue => "not-xml-att-value",
            Self::CannotInsert => "cannot-insert",
            Self::CannotDelete => "cannot-delete",
            Self::UniquenessFailure(_) => "uniqueness-failure",
            Self::ConstraintFailure => "constraint-failure",
            Self::NotUtf8 => "not-utf-8",
        }
    }

    /// The conflict, said in words.
    #[must_use]
    pub fn because(self, phrase: impl Into<String>) -> Conflict {
        Conflict {
            condition: self,
            phrase: Some(phrase.into()),
        }
    }
}

impl From<Condition> for Conflict {
    fn from(condition: Condition) -> Self {
        Self {
            condition,
            phrase: None,
        }
    }
}
