//! The names of things. A name is cheap to clone, and each kind is a type of its own, so that a
//! stream is never looked up under the name of a camera.

use serde::Serialize;
use std::fmt;
use std::sync::Arc;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A camera, as the configuration calls it.
    CameraId
);
id!(
    /// A stream, as the configuration calls it. Every camera has at least one.
    StreamId
);
impl StreamId {
    /// The name that the small rendition's actor goes by. It can be no configured stream's, for these have no `~`.
    pub fn small(&self) -> Self {
        Self::from(format!("{self}~small"))
    }
}

id!(
    /// One viewer's connection. Not a secret: it stands in the log and at `/debug`.
    PeerId
);
