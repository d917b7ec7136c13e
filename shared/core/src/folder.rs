//! stub
/// stub
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct TopicId(String);
/// stub
#[derive(Debug, thiserror::Error)]
pub enum TopicIdError {
    /// stub
    #[error("empty")]
    Empty,
}
impl TopicId {
    /// stub
    pub fn from_name(n: &str) -> Result<Self, TopicIdError> {
        if n.is_empty() {
            return Err(TopicIdError::Empty);
        }
        Ok(Self(n.to_lowercase().replace(|c: char| !c.is_alphanumeric(), "_")))
    }
    /// stub
    pub fn parse(n: &str) -> Result<Self, TopicIdError> {
        Self::from_name(n)
    }
    /// stub
    pub fn with_hash(&self, n: &str) -> Self {
        Self(format!("{}_{}", self.0, n.len()))
    }
    /// stub
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl std::fmt::Display for TopicId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
