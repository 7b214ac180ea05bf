//! The calls for controls.

use super::device::{Device, Request, blank, text};
use std::io;
use v4l::control::{Flags, Type};
use v4l::v4l_sys::*;
use v4l::v4l2::vidioc;

const QUERY_EXT_CTRL: Request<v4l2_query_ext_ctrl> = Request::new(vidioc::VIDIOC_QUERY_EXT_CTRL);
const QUERYMENU: Request<v4l2_querymenu> = Request::new(vidioc::VIDIOC_QUERYMENU);
const G_EXT_CTRLS: Request<v4l2_ext_controls> = Request::new(vidioc::VIDIOC_G_EXT_CTRLS);
const S_EXT_CTRLS: Request<v4l2_ext_controls> = Request::new(vidioc::VIDIOC_S_EXT_CTRLS);

/// A device has no more controls, and a menu no more choices.
const LIST_MAX: usize = 1000;

/// A control as its driver describes it, of a kind that is one number.
#[derive(Clone, Debug)]
pub struct Description {
    /// Its number.
    pub id: u32,
    /// Integer, boolean or a menu.
    pub kind: Type,
    /// Its name.
    pub name: String,
    /// The least value.
    pub minimum: i64,
    /// The greatest value.
    pub maximum: i64,
    /// Values are so far apart.
    pub step: u64,
    /// The driver's own choice.
    pub default: i64,
    /// What it can do now.
    pub flags: Flags,
    /// The choices of a menu, with their names.
    pub choices: Vec<(u32, String)>,
}

impl Device {
    /// All controls that are one number. Drivers without any have an empty list.
    pub fn controls(&self) -> io::Result<Vec<Description>> {
        let mut all = vec![];
        let mut query: v4l2_query_ext_ctrl = blank();
        for _ in 0..LIST_MAX {
            query.id |= V4L2_CTRL_FLAG_NEXT_CTRL;
            query = match self.call(QUERY_EXT_CTRL, query) {
                Ok(answer) => answer,
                Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOTTY)) => break,
                Err(error) => return Err(error),
            };
            let Some(kind) = number(query.type_) else { continue };
            all.push(Description {
                id: query.id,
                kind,
                name: text(&query.name.map(|char| char as u8)),
                minimum: query.minimum,
                maximum: query.maximum,
                step: query.step,
                default: query.default_value,
                flags: Flags::from(query.flags),
                choices: self.choices(kind, &query),
            });
        }
        Ok(all)
    }

    /// The choices of a menu. Drivers leave some of the numbers between the least and the greatest out.
    fn choices(&self, kind: Type, control: &v4l2_query_ext_ctrl) -> Vec<(u32, String)> {
        if !matches!(kind, Type::Menu | Type::IntegerMenu) {
            return vec![];
        }
        let indices = (control.minimum.max(0)..=control.maximum).take(LIST_MAX).filter_map(|n| u32::try_from(n).ok());
        let choice = |index| {
            let mut query: v4l2_querymenu = blank();
            (query.id, query.index) = (control.id, index);
            let item = self.call(QUERYMENU, query).ok()?.__bindgen_anon_1;
            // SAFETY: numbers and names are plain bytes, and which of them it is the kind says.
            let label = unsafe {
                match kind {
                    Type::IntegerMenu => { item.value }.to_string(),
                    _ => text(&item.name),
                }
            };
            Some((index, label))
        };
        indices.filter_map(choice).collect()
    }

    /// The present value of a control.
    pub fn control(&self, description: &Description) -> io::Result<i64> {
        let control = self.exchange(G_EXT_CTRLS, description, 0)?;
        // SAFETY: both are integers, and which of them it is the kind says.
        Ok(unsafe {
            match description.kind {
                Type::Integer64 => control.__bindgen_anon_1.value64,
                _ => { control.__bindgen_anon_1.value }.into(),
            }
        })
    }

    /// Sets a control.
    pub fn set_control(&self, description: &Description, value: i64) -> io::Result<()> {
        self.exchange(S_EXT_CTRLS, description, value).map(drop)
    }

    fn exchange(
        &self,
        request: Request<v4l2_ext_controls>,
        description: &Description,
        value: i64,
    ) -> io::Result<v4l2_ext_control> {
        let mut control: v4l2_ext_control = blank();
        control.id = description.id;
        match description.kind {
            Type::Integer64 => control.__bindgen_anon_1.value64 = value,
            _ => control.__bindgen_anon_1.value = value.try_into().map_err(|_| io::ErrorKind::InvalidInput)?,
        }
        let mut list: v4l2_ext_controls = blank();
        // The class of a control is in its number.
        list.__bindgen_anon_1.which = description.id & 0x0fff_0000;
        (list.count, list.controls) = (1, std::ptr::from_mut(&mut control));
        self.call(request, list)?;
        Ok(control)
    }
}

/// The kinds that are one number.
fn number(kind: u32) -> Option<Type> {
    let kind = Type::try_from(kind).ok()?;
    matches!(kind, Type::Integer | Type::Integer64 | Type::Boolean | Type::Menu | Type::IntegerMenu).then_some(kind)
}
