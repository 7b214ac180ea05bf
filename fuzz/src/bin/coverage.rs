//! One target under libFuzzer, named by the environment variable `FUZZ_TARGET`.

#![no_main]

use lenscap_fuzz::{Target, target};
use std::sync::LazyLock;

static TARGET: LazyLock<&'static Target> = LazyLock::new(|| target(&std::env::var("FUZZ_TARGET").unwrap_or_default()));

libfuzzer_sys::fuzz_target!(|data: &[u8]| (TARGET.run)(data));
