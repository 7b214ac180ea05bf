use super::*;
use proptest::prelude::*;

#[test]
fn the_secrets_of_a_command_are_not_shown_and_the_rest_is() {
    for (command, expected) in [
        ("ffmpeg -i rtsp://me:secret@cam/1 -f h264 -", "ffmpeg -i rtsp://***@cam/1 -f h264 -"),
        ("ffmpeg -i 'rtsp://me:se/cret@cam/1' -", "ffmpeg -i 'rtsp://***@cam/1' -"),
        ("x 'rtsp://me:a#b?c@cam/1?u=http://q:r@d'", "x 'rtsp://***@cam/1?u=http://***@d'"),
        ("x http://plain/?mail=a@b http://[::1]:80/@c", "x http://plain/?mail=a@b http://[::1]:80/@c"),
        ("x rtsp://12345678901234567890@cam", "x rtsp://***@cam"),
        ("cam --password hunter2 --size 640x480", "cam --password *** --size 640x480"),
        ("cam --password=hunter2 -token 'a b'", "cam --password=*** -token '***'"),
        ("cam --password-file /run/pw --no-password -v", "cam --password-file /run/pw --no-password -v"),
        ("cam --password --verbose", "cam --password --verbose"),
        ("cam --apiKey=abcdef --api-key abcdef", "cam --apiKey=*** --api-key ***"),
        ("PASSWORD=hunter2 cam; export RTSP_TOKEN=abcde", "PASSWORD=*** cam; export RTSP_TOKEN=***"),
        ("PASSWORD=hunter2 sh -c 'login hunter2'", "PASSWORD=*** sh -c 'login ***'"),
        ("x 'http://c/?a=1&token=abcdef&b=2'", "x 'http://c/?a=1&token=***&b=2'"),
        ("x http://c/?a=1&token=abcdef&b=2", "x http://c/?a=1&token=***&b=2"),
        ("curl -H 'Authorization: Bearer abc.def' http://c", "curl -H 'Authorization: Bearer ***' http://c"),
        ("curl -H Authorization:\\ Basic\\ YWJj c", "curl -H Authorization:\\ Basic\\ *** c"),
        (
            r#"ffmpeg -headers "Authorization: Basic YWJj\r\nX-A: b" -"#,
            r#"ffmpeg -headers "Authorization: Basic *** b" -"#,
        ),
        ("curl -H 'X-Api-Key: abcdef' -b 'Cookie: a=b; c=d' c", "curl -H 'X-Api-Key: ***' -b 'Cookie: *** ***' c"),
        ("curl -u me:secret --user=you:secrets http://c", "curl -u me:*** --user=you:*** http://c"),
        ("gst-launch-1.0 rtspsrc user-id=me user-pw=secret ! x", "gst-launch-1.0 rtspsrc user-id=me user-pw=*** ! x"),
        ("sshpass -p secret ssh cam -p 2222", "sshpass -p *** ssh cam -p 2222"),
        ("sh -c 'sh -c \"cam --password x1x2\"'", "sh -c 'sh -c \"cam --password ***\"'"),
        (r#"post '{"user":"me","password": "abcdef"}'"#, r#"post '{"user":"me","password": "***"}'"#),
        ("ffmpeg -pass 1 -i x", "ffmpeg -pass *** -i x"),
        ("cam --password 'it'\\''s'", "cam --password '***'"),
        ("cat a:b --size 1 --keyint 30 -af lowpass=f=3", "cat a:b --size 1 --keyint 30 -af lowpass=f=3"),
    ] {
        assert_eq!(shown(command), expected);
    }
}

#[test]
fn a_program_may_say_everything_but_the_secrets_of_its_command() {
    let command = "PIN=12 cam -headers 'Authorization: Basic bWVoZWxsbw==\\r\\nA: b' --password 's%20p@ss' 'rtsp://me:hun%2Fter2@cam/?token=größe'";
    let secrets = Secrets::of_command(command);
    for (said, expected) in [
        ("nothing to hide", "nothing to hide"),
        ("login with hun%2Fter2 failed", "login with *** failed"),
        ("login with hun/ter2 failed", "login with *** failed"),
        ("login with hun%2fter2 and h%75n%2Fter2", "login with *** and ***"),
        ("me:hun/ter2", "***"),
        ("xs%20p@ssx s p@ss s%20p%40ss s+p@ss", "x***x *** *** ***"),
        ("größe gr%C3%B6%C3%9Fe gr%c3%b6ße", "*** *** ***"),
        ("12 of 12", "12 of 12"),
        ("sends bWVoZWxsbw== now", "sends *** now"),
        ("PIN=12", "PIN=***"),
        ("opening rtsp://other:one@cam/2", "opening rtsp://***@cam/2"),
        ("it's at http://c/?token=other&x=1 now", "it's at http://c/?token=***&x=1 now"),
        ("> Authorization: Basic bWU6aHVu", "> Authorization: Basic ***"),
        ("+ cam --password 12", "+ cam --password ***"),
        ("invalid password: try again", "invalid password: try again"),
        ("basic authentication is off", "basic authentication is off"),
    ] {
        assert_eq!(secrets.mask(said), expected);
    }
    assert!(matches!(secrets.mask("nothing to hide"), Cow::Borrowed(_)));
    assert_eq!(format!("{secrets:?}").find("hun"), None);
}

#[test]
fn a_secret_from_elsewhere_is_hidden_however_it_is_encoded() {
    let secrets = Secrets::of_command("x").and(["hun%2Fter2", "s p@ss", "12"]);
    for said in ["hun/ter2", "hun%2fter2", "hun%2Fter2", "h%75n%2fter2", "s p@ss", "s+p@ss", "s%20p%40ss"] {
        assert_eq!(secrets.mask(&format!("login with {said} failed")), "login with *** failed", "{said}");
    }
    assert_eq!(secrets.mask("12 of 12"), "12 of 12");
}

#[test]
fn names_of_secrets_are_known_and_others_are_not() {
    for name in ["password", "PASSWD", "rtsp_pass", "user-pw", "X_API_KEY", "accessToken", "auth", "session_id", "jwt"]
    {
        assert!(find::names_secret(name), "{name}");
    }
    for name in
        ["pass-through", "keyint", "author", "password_file", "token-type", "lowpass", "pipe", "no-auth", "k", ""]
    {
        assert!(!find::names_secret(name), "{name}");
    }
}

/// Characters in which commands and URLs mean something, and some that are none of ASCII's.
const ODD: &str = "[Qq7!%@:/?#&=+,;.~ *\"$üß猫-]{4,24}";

fn encoded(secret: &str, all: bool) -> String {
    let plain = |byte: &u8| !all && byte.is_ascii_alphanumeric();
    secret.bytes().map(|byte| if plain(&byte) { char::from(byte).into() } else { format!("%{byte:02X}") }).collect()
}

/// A word of a shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{text}'")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_secret_of_a_command_is_ever_shown(odd in ODD, plain in "[Q-Z0-9]{4,20}", place in 0..9usize) {
        // It begins and ends with what nothing else here has.
        let secret = format!("ZQ{odd}QZ");
        let token = format!("ZQ{plain}QZ");
        let (command, secret) = match place {
            0 => (format!("cam --password {}", quoted(&secret)), secret),
            1 => (format!("cam {}", quoted(&format!("--password={secret}"))), secret),
            2 => (format!("TOKEN={} cam", quoted(&secret)), secret),
            3 => (format!("cam {}", quoted(&format!("rtsp://me:{}@host/path", encoded(&secret, false)))), secret),
            4 => (format!("cam {}", quoted(&format!("http://host/?a=b&token={}&c=d", encoded(&secret, true)))), secret),
            5 => (format!("cam -H 'Authorization: Bearer {token}' http://host"), token),
            6 => (format!("sh -c \"cam --secret {token} | other\""), token),
            7 => (format!("cam rtsp://{token}:@host"), token),
            _ => (format!("cam -u {}", quoted(&format!("me:{secret}"))), secret),
        };
        prop_assert!(!shown(&command).contains(&secret), "{} of {}", shown(&command), command);
        prop_assert!(!shown(&command).contains(&encoded(&secret, false)));
        let secrets = Secrets::of_command(&command);
        for form in [secret.clone(), encoded(&secret, false), encoded(&secret, true), encoded(&secret, true).to_lowercase()] {
            for text in [format!("a {form} b"), format!("x{form}y"), format!("http://h/{form}?{form}"), command.clone()] {
                let masked = secrets.mask(&text);
                prop_assert!(!masked.contains(&form), "{masked} of {text}");
                prop_assert!(!masked.contains(&secret), "{masked} of {text}");
            }
        }
    }

    #[test]
    fn any_text_can_be_masked_and_stays_as_it_is_without_secrets(text in "\\PC{0,200}", command in "\\PC{0,100}") {
        let secrets = Secrets::of_command(&command);
        secrets.mask(&text);
        shown(&command);
        let words: String = text.chars().filter(|c| c.is_alphabetic() || *c == ' ').collect();
        if !words.to_ascii_lowercase().contains("bearer") {
            prop_assert_eq!(Secrets::default().mask(&words), &*words);
        }
    }
}
