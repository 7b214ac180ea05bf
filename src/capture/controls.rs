//! The controls of a V4L2 camera: brightness, exposure, focus and the rest.
//!
//! They are read and set through a descriptor of their own, which is open for that moment only and
//! does not stream: the camera's light stays as it is. What was set is remembered, and applied at
//! every open, because some cameras forget.

use super::identity::Identity;
use super::setting::Setting;
use super::v4l2::control::Description;
use super::v4l2::device::Device;
use crate::broker::Broker;
use lenscap_actors::ports::CaptureError;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use v4l::control::{Flags, Type};

/// One control of a camera.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Control {
    /// Its name for programs, like `white_balance_automatic`.
    pub id: String,
    /// Its name as the driver says it.
    pub name: String,
    /// `integer`, `boolean` or `menu`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The least value.
    pub min: i64,
    /// The greatest value.
    pub max: i64,
    /// Values are so far apart.
    pub step: u64,
    /// The driver's own choice.
    pub default: i64,
    /// The present value; none if it cannot be read.
    pub value: Option<i64>,
    /// The choices of a menu.
    pub menu: Vec<Choice>,
    /// It cannot be set.
    pub read_only: bool,
    /// It has an effect now; another control may stand in its way.
    pub active: bool,
}

/// One choice of a menu.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Choice {
    /// Its number.
    pub value: i64,
    /// Its name.
    pub label: String,
}

/// Why controls cannot be read or set.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ControlError {
    /// The device cannot be had.
    #[error(transparent)]
    Device(#[from] CaptureError),
    /// There is no such control.
    #[error("the camera has no control {wanted:?}: it has {}", has.join(", "))]
    Unknown {
        /// What was asked for.
        wanted: String,
        /// What there is.
        has: Vec<String>,
    },
    /// The value does not fit.
    #[error("{control}: {value} does not fit: expected {expected}")]
    Value {
        /// Which control.
        control: String,
        /// What was asked for.
        value: String,
        /// What would fit.
        expected: String,
    },
    /// The driver refused.
    #[error("{control}: the driver refused: {message}")]
    Refused {
        /// Which control.
        control: String,
        /// What it says.
        message: String,
    },
}

/// The controls of one camera. Clones are the same.
#[derive(Clone)]
pub struct Controls {
    identity: Identity,
    wanted: Arc<Mutex<BTreeMap<String, Setting>>>,
    broker: Broker,
}

impl Controls {
    /// Of this camera, with what is to be set at every open.
    pub fn new(identity: Identity, wanted: BTreeMap<String, Setting>, broker: Broker) -> Self {
        Self { identity, wanted: Arc::new(Mutex::new(wanted)), broker }
    }

    /// All controls with their present values. Blocks for some milliseconds.
    pub fn list(&self) -> Result<Vec<Control>, ControlError> {
        Ok(describe(&self.open()?)?.into_iter().map(|(_, control)| control).collect())
    }

    /// Sets all of these or, if one does not fit or the driver refuses it, none; and gives all controls as they are then.
    /// Blocks for some milliseconds.
    pub fn set(&self, settings: &BTreeMap<String, Setting>) -> Result<Vec<Control>, ControlError> {
        let device = self.open()?;
        // Until it is known what holds: whoever opens the camera meanwhile applies that.
        let mut wanted = self.lock();
        let known = describe(&device)?;
        let mut assignments = vec![];
        for (id, setting) in settings {
            assignments.push(assignment(&known, id, setting)?);
        }
        all_or_none(
            &in_order(assignments),
            |one| one.set(&device, Some(one.value)),
            |one| {
                if let Err(error) = one.set(&device, one.present) {
                    log::warn!("it stays as it was set: {error}");
                }
            },
        )?;
        wanted.extend(settings.clone());
        drop(wanted);
        Ok(describe(&device)?.into_iter().map(|(_, control)| control).collect())
    }

    /// Sets what is wanted on a device that was just opened; gives what went wrong, in words.
    pub(super) fn apply(&self, device: &Device) -> Vec<String> {
        let wanted = self.lock();
        if wanted.is_empty() {
            return vec![];
        }
        let known = match describe(device) {
            Ok(known) => known,
            Err(error) => return vec![error.to_string()],
        };
        let assignments = wanted.iter().map(|(id, setting)| assignment(&known, id, setting));
        let (good, bad): (Vec<_>, Vec<_>) = assignments.partition(Result::is_ok);
        let mut troubles: Vec<String> = bad.into_iter().filter_map(Result::err).map(|e| e.to_string()).collect();
        for one in in_order(good.into_iter().flatten()) {
            let Err(error) = one.set(device, Some(one.value)) else { continue };
            // What was set with it may rule it out, as an automatic exposure does its time: that is as it was wished.
            match is_active(device, &one.control) {
                Some(false) => log::info!("{error}: another control stands in its way"),
                _ => troubles.push(error.to_string()),
            }
        }
        troubles
    }

    fn open(&self) -> Result<Device, ControlError> {
        let absent = || CaptureError::Absent { device: self.identity.to_string() };
        let opened = Device::open(&self.identity.resolve().ok_or_else(absent)?);
        Ok(opened.map_err(|error| self.broker.with_holder(error))?)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Setting>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a control has an effect now; nothing if that cannot be known.
fn is_active(device: &Device, id: &str) -> Option<bool> {
    let now = describe(device).ok()?;
    now.into_iter().find(|(_, control)| control.id == id).map(|(_, control)| control.active)
}

/// One value to be set.
#[derive(Debug)]
struct Assignment {
    control: String,
    description: Description,
    /// Switches and choices come first: they decide whether the others have an effect.
    first: bool,
    value: i64,
    /// What it is before.
    present: Option<i64>,
}

fn in_order(assignments: impl IntoIterator<Item = Assignment>) -> Vec<Assignment> {
    let mut assignments: Vec<_> = assignments.into_iter().collect();
    assignments.sort_by_key(|one| !one.first);
    assignments
}

/// Takes all steps or, if one fails, undoes those before it, backwards: a switch goes back when what it rules has. Pure.
fn all_or_none<S, E>(steps: &[S], take: impl Fn(&S) -> Result<(), E>, undo: impl Fn(&S)) -> Result<(), E> {
    for (nth, step) in steps.iter().enumerate() {
        if let Err(error) = take(step) {
            steps[..nth].iter().rev().for_each(undo);
            return Err(error);
        }
    }
    Ok(())
}

impl Assignment {
    /// To this value, if there is one.
    fn set(&self, device: &Device, value: Option<i64>) -> Result<(), ControlError> {
        let Some(value) = value else { return Ok(()) };
        let refused =
            |error: io::Error| ControlError::Refused { control: self.control.clone(), message: error.to_string() };
        device.set_control(&self.description, value).map_err(refused)
    }
}

fn assignment(known: &[(Description, Control)], id: &str, setting: &Setting) -> Result<Assignment, ControlError> {
    let found = known.iter().find(|(_, control)| control.id == id);
    let (description, control) = found.ok_or_else(|| ControlError::Unknown {
        wanted: id.to_owned(),
        has: known.iter().map(|(_, control)| control.id.clone()).collect(),
    })?;
    let value = fitting(control, setting)?;
    let first = matches!(control.kind, "boolean" | "menu");
    Ok(Assignment {
        control: control.id.clone(),
        description: description.clone(),
        first,
        value,
        present: control.value,
    })
}

/// The number that a setting stands for, if it fits the control.
fn fitting(control: &Control, setting: &Setting) -> Result<i64, ControlError> {
    let wrong = |expected: String| ControlError::Value {
        control: control.id.clone(),
        value: match setting {
            Setting::Switch(on) => on.to_string(),
            Setting::Number(number) => number.to_string(),
            Setting::Choice(label) => format!("{label:?}"),
        },
        expected,
    };
    if control.read_only {
        return Err(wrong("nothing: it cannot be set".into()));
    }
    match (control.kind, setting) {
        ("boolean", Setting::Switch(on)) => Ok(i64::from(*on)),
        ("boolean", Setting::Number(number @ 0..=1)) => Ok(*number),
        ("boolean", _) => Err(wrong("true or false".into())),
        ("menu", setting) => {
            let fits = |choice: &&Choice| match setting {
                Setting::Number(number) => choice.value == *number,
                Setting::Choice(label) => choice.label.eq_ignore_ascii_case(label),
                Setting::Switch(_) => false,
            };
            let labels = || control.menu.iter().map(|choice| format!("{} ({:?})", choice.value, choice.label));
            let found = control.menu.iter().find(fits).map(|choice| choice.value);
            found.ok_or_else(|| wrong(format!("one of {}", labels().collect::<Vec<_>>().join(", "))))
        }
        ("integer", Setting::Number(number)) => {
            // What is out of range may be so far out that there is no difference.
            let on_step = || control.step <= 1 || number.abs_diff(control.min) % control.step == 0;
            if (control.min..=control.max).contains(number) && on_step() {
                return Ok(*number);
            }
            let step = if control.step > 1 { format!(" in steps of {}", control.step) } else { String::new() };
            Err(wrong(format!("{} to {}{step}", control.min, control.max)))
        }
        ("integer", _) => Err(wrong("a number".into())),
        _ => Err(wrong("nothing: this kind of control cannot be set here".into())),
    }
}

fn describe(device: &Device) -> Result<Vec<(Description, Control)>, ControlError> {
    let failed = |message: String| ControlError::Refused { control: "all controls".into(), message };
    let descriptions = device.controls().map_err(|error| failed(error.to_string()))?;
    let all = descriptions.into_iter().filter(|description| !description.flags.contains(Flags::DISABLED));
    let all = all.map(|description| {
        let kind = match description.kind {
            Type::Boolean => "boolean",
            Type::Menu | Type::IntegerMenu => "menu",
            _ => "integer",
        };
        let choice = |(value, label): &(u32, String)| Choice { value: i64::from(*value), label: label.clone() };
        let control = Control {
            id: slug(&description.name),
            name: description.name.clone(),
            kind,
            min: description.minimum,
            max: description.maximum,
            step: description.step,
            default: description.default,
            value: device.control(&description).ok(),
            menu: description.choices.iter().map(choice).collect(),
            read_only: description.flags.contains(Flags::READ_ONLY),
            active: !description.flags.intersects(Flags::INACTIVE | Flags::GRABBED),
        };
        (description, control)
    });
    Ok(all.collect())
}

/// "White Balance, Automatic" becomes `white_balance_automatic`.
fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(kind: &'static str) -> Control {
        let choice = |value, label: &str| Choice { value, label: label.into() };
        Control {
            id: "x".into(),
            name: "X".into(),
            kind,
            min: -10,
            max: 10,
            step: 5,
            default: 0,
            value: Some(0),
            menu: if kind == "menu" { vec![choice(1, "Manual Mode"), choice(3, "Automatic")] } else { vec![] },
            read_only: false,
            active: true,
        }
    }

    #[test]
    fn names_are_as_v4l2_ctl_writes_them() {
        assert_eq!(slug("Brightness"), "brightness");
        assert_eq!(slug("White Balance, Automatic"), "white_balance_automatic");
        assert_eq!(slug("Exposure Time, Absolute"), "exposure_time_absolute");
    }

    #[test]
    fn what_was_set_before_one_is_refused_is_set_back_the_last_first() {
        let done = std::cell::RefCell::new(vec![]);
        let refuses = |limit: i32| move |step: &i32| if *step < limit { Ok(()) } else { Err(*step) };
        let undo = |step: &i32| done.borrow_mut().push(*step);
        assert_eq!(all_or_none(&[1, 2, 3, 4], refuses(3), undo), Err(3));
        assert_eq!(*done.borrow(), [2, 1]);
        assert_eq!(all_or_none(&[1, 2, 3, 4], refuses(5), undo), Ok(()));
        assert_eq!(*done.borrow(), [2, 1], "nothing more");
    }

    #[test]
    fn what_is_farther_out_than_numbers_go_is_out_of_range() {
        for number in [i64::MAX, i64::MIN] {
            let refused = fitting(&control("integer"), &Setting::Number(number)).unwrap_err();
            assert!(
                matches!(&refused, ControlError::Value { expected, .. } if expected.contains("-10 to 10")),
                "{refused}"
            );
        }
    }

    #[test]
    fn values_that_do_not_fit_are_refused_with_what_would() {
        use Setting::{Choice, Number, Switch};
        for (kind, setting, expected) in [
            ("integer", Number(-10), Ok(-10)),
            ("integer", Number(5), Ok(5)),
            ("integer", Number(4), Err("-10 to 10 in steps of 5")),
            ("integer", Number(15), Err("-10 to 10")),
            ("integer", Switch(true), Err("a number")),
            ("boolean", Switch(true), Ok(1)),
            ("boolean", Number(0), Ok(0)),
            ("boolean", Number(2), Err("true or false")),
            ("menu", Number(3), Ok(3)),
            ("menu", Choice("manual mode".into()), Ok(1)),
            ("menu", Number(2), Err("1 (\"Manual Mode\"), 3 (\"Automatic\")")),
            ("menu", Choice("auto".into()), Err("one of")),
            ("button", Number(1), Err("cannot be set")),
        ] {
            match (fitting(&control(kind), &setting), expected) {
                (Ok(value), Ok(wanted)) => assert_eq!(value, wanted),
                (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
                (got, wanted) => panic!("{kind} {setting:?}: {got:?} instead of {wanted:?}"),
            }
        }
        let fixed = Control { read_only: true, ..control("integer") };
        assert!(fitting(&fixed, &Number(0)).is_err());
    }
}
