//! stub
/// stub
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(#[serde(with = "serde_bytes")] [u8; 16]);
/// stub
pub const KEY_VERSION: u16 = 1;
impl Fingerprint {
    /// stub
    pub fn from_bytes(b: [u8; 16]) -> Self {
        Self(b)
    }
    /// stub
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
    /// stub
    pub fn of(key: &Key) -> Self {
        Self(xxhash_rust::xxh3::xxh3_128(key.as_str().as_bytes()).to_be_bytes())
    }
    /// stub
    pub fn hash64(&self) -> u64 {
        u64::from_be_bytes(self.0[..8].try_into().unwrap_or_default())
    }
}
/// stub
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(String);
impl Key {
    /// stub
    pub fn of(s: &str) -> Option<Self> {
        let s = s.trim().to_lowercase();
        (!s.is_empty()).then_some(Self(s))
    }
    /// stub
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
/// stub
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Rejection {
    /// stub
    Empty,
    /// stub
    TooLong,
}
/// stub
pub fn clean_text(s: &str) -> Result<String, Rejection> {
    let t = s.trim();
    if t.is_empty() { Err(Rejection::Empty) } else { Ok(t.to_owned()) }
}
