//! Where a camera's pictures come from, as the configuration writes it.

use crate::capture::identity::Identity;
use crate::capture::test_pattern::Scene;
use crate::secrets;
use std::fmt;
use std::str::FromStr;

/// The source of a camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A moving test picture.
    Test(Scene),
    /// A V4L2 camera.
    V4l2(Identity),
    /// A command whose standard output is H.264 in Annex B form.
    Exec(String),
}

/// Which keys of a camera have an effect on one of a source. `fps` has on all.
pub struct Keys {
    /// `size`
    pub size: bool,
    /// `format` and `controls`
    pub device: bool,
    /// `stall_timeout`
    pub stall_timeout: bool,
}

impl Source {
    /// Which keys have an effect.
    pub fn keys(&self) -> Keys {
        match self {
            Source::Test(_) => Keys { size: true, device: false, stall_timeout: false },
            Source::V4l2(_) => Keys { size: true, device: true, stall_timeout: true },
            Source::Exec(_) => Keys { size: false, device: false, stall_timeout: true },
        }
    }
}

/// A command is handed on in one message, with all that has to be escaped in it.
const COMMAND_BYTES_MAX: usize = 16 << 10;

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "test" => Ok(Source::Test(Scene::Calm)),
            Some(("test", "busy")) => Ok(Source::Test(Scene::Busy)),
            Some(("v4l2", path)) if path.starts_with('/') => Ok(Source::V4l2(Identity::Path(path.into()))),
            Some(("usb", id)) => Ok(Source::V4l2(Identity::Usb(id.parse()?))),
            Some(("v4l2", _)) => Err(format!("{text:?} needs an absolute path, like \"v4l2:/dev/video0\"")),
            Some(("exec", command)) if command.len() > COMMAND_BYTES_MAX => {
                Err(format!("a command of more than {COMMAND_BYTES_MAX} bytes is too long: let it be a script"))
            }
            // It ends a word where the command is handed on.
            Some(("exec", command)) if command.contains('\0') => Err("no command can have a NUL in it".to_owned()),
            Some(("exec", command)) if !command.trim().is_empty() => Ok(Source::Exec(command.to_owned())),
            Some(("exec", _)) => Err("\"exec:\" needs a command".to_owned()),
            _ => Err(format!(
                "{:?} is no source: expected \"test\", \"test:busy\", \"v4l2:/dev/…\", \"usb:VID:PID\" or \"exec:COMMAND\"",
                secrets::shown(text)
            )),
        }
    }
}

/// Without credentials, so that it can be shown.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Test(Scene::Calm) => f.write_str("test"),
            Source::Test(Scene::Busy) => f.write_str("test:busy"),
            Source::V4l2(Identity::Path(path)) => write!(f, "v4l2:{}", path.display()),
            Source::V4l2(Identity::Usb(usb)) => usb.fmt(f),
            Source::Exec(command) => write!(f, "exec:{}", secrets::shown(command)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_and_wrong_ones_explained() {
        for (text, scene) in [("test", Scene::Calm), ("test:busy", Scene::Busy)] {
            assert_eq!(text.parse(), Ok(Source::Test(scene)));
            assert_eq!(Source::Test(scene).to_string(), text);
        }
        let path = Identity::Path("/dev/video0".into());
        assert_eq!("v4l2:/dev/video0".parse(), Ok(Source::V4l2(path)));
        let usb = "usb:046d:0825:A1".parse::<Source>().unwrap();
        assert_eq!(usb.to_string(), "usb:046d:0825:A1");
        assert!(format!("exec:{}", "x".repeat(COMMAND_BYTES_MAX + 1)).parse::<Source>().is_err());
        assert_eq!("exec:cat a:b".parse(), Ok(Source::Exec("cat a:b".into())));
        for wrong in [
            "",
            "tset",
            "test:",
            "test:wild",
            "v4l2:video0",
            "v4l2",
            "exec:",
            "exec: ",
            "exec:cat\0-n",
            "http://x",
            "usb:",
            "usb:1:2",
        ] {
            assert!(wrong.parse::<Source>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_shown_has_no_password() {
        let source =
            Source::Exec("ffmpeg -i 'rtsp://me:se/cret@cam/1?u=http://a:b@c' -i http://plain/ -f h264 -".into());
        let shown = source.to_string();
        assert!(!shown.contains("a:b"), "{shown}");
        assert!(shown.contains("http://plain/ -f h264"), "{shown}");
        let source = Source::Exec("ffmpeg -i rtsp://me:secret@cam/1 --password x".into());
        assert_eq!(source.to_string(), "exec:ffmpeg -i rtsp://***@cam/1 --password ***");
        let error = "rtps://me:secret@cam/1".parse::<Source>().unwrap_err();
        assert!(error.starts_with("\"rtps://***@cam/1\" is no source"), "{error}");
    }
}
