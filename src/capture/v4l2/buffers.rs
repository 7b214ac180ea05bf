//! The pictures of a device that streams: buffers that its driver fills, mapped into memory.

use super::device::{Device, Planes, Request, blank};
use std::io;
use std::ptr::NonNull;
use v4l::buffer::Flags;
use v4l::v4l_sys::*;
use v4l::v4l2::vidioc;

const REQBUFS: Request<v4l2_requestbuffers> = Request::new(vidioc::VIDIOC_REQBUFS);
const QUERYBUF: Request<v4l2_buffer> = Request::new(vidioc::VIDIOC_QUERYBUF);
const QBUF: Request<v4l2_buffer> = Request::new(vidioc::VIDIOC_QBUF);
const DQBUF: Request<v4l2_buffer> = Request::new(vidioc::VIDIOC_DQBUF);
const STREAMON: Request<i32> = Request::new(vidioc::VIDIOC_STREAMON);
const STREAMOFF: Request<i32> = Request::new(vidioc::VIDIOC_STREAMOFF);

/// Buffers shared with the driver: one being filled, two waiting, one with us.
const COUNT: u32 = 4;

/// A picture as the driver left it.
#[derive(Clone, Copy, Debug)]
pub struct Filled<'a> {
    /// Its bytes.
    pub data: &'a [u8],
    /// What the driver says of it.
    pub flags: Flags,
    /// Its number among all that the device has taken, as far as the driver counts.
    pub sequence: u32,
    /// When it was taken, by the clock that the flags name.
    pub timestamp: timeval,
}

/// The buffers of a device that streams until they are dropped.
pub struct Buffers<'a> {
    device: &'a Device,
    maps: Vec<Map>,
}

impl<'a> Buffers<'a> {
    /// Asks for buffers, gives all to the driver, and starts streaming.
    pub fn start(device: &'a Device) -> io::Result<Self> {
        let mut buffers = Self { device, maps: vec![] };
        let granted = device.call(REQBUFS, buffers.request(COUNT))?.count;
        for index in 0..granted {
            let buffer = buffers.call(QUERYBUF, index)?;
            buffers.maps.push(Map::new(device, buffer.offset, buffer.length)?);
        }
        for index in 0..granted {
            buffers.call(QBUF, index)?;
        }
        device.call(STREAMON, device.planes().buffer_type() as i32)?;
        Ok(buffers)
    }

    /// Shows the next picture to `look`, and gives its buffer back at once. There must be one.
    pub fn next<R>(&mut self, look: impl FnOnce(Filled<'_>) -> R) -> io::Result<R> {
        let filled = self.call(DQBUF, 0)?;
        let map = self.maps.get(filled.index as usize).ok_or(io::ErrorKind::InvalidData)?;
        // SAFETY: the mapping lives as long as `self`, and the driver writes to no buffer that it has handed out.
        let all = unsafe { std::slice::from_raw_parts(map.start.as_ptr(), map.length) };
        let data = &all[..(filled.used as usize).min(all.len())];
        let data = data.get(filled.skipped as usize..).unwrap_or_default();
        let (flags, sequence, timestamp) = (Flags::from(filled.flags), filled.sequence, filled.timestamp);
        let result = look(Filled { data, flags, sequence, timestamp });
        self.call(QBUF, filled.index)?;
        Ok(result)
    }

    fn request(&self, count: u32) -> v4l2_requestbuffers {
        let (type_, memory) = (self.device.planes().buffer_type(), v4l2_memory_V4L2_MEMORY_MMAP);
        v4l2_requestbuffers { count, type_, memory, ..blank() }
    }

    /// A call about one buffer.
    fn call(&self, request: Request<v4l2_buffer>, index: u32) -> io::Result<Answer> {
        let (type_, memory) = (self.device.planes().buffer_type(), v4l2_memory_V4L2_MEMORY_MMAP);
        let mut buffer = v4l2_buffer { index, type_, memory, ..blank() };
        // As many as any driver may write.
        let mut planes: [v4l2_plane; VIDEO_MAX_PLANES as usize] = [blank(); VIDEO_MAX_PLANES as usize];
        if self.device.planes() == Planes::Several {
            // A format of one plane was agreed on; the driver writes no more planes than there is room for.
            buffer.length = 1;
            buffer.m.planes = planes.as_mut_ptr();
        }
        let buffer = self.device.call(request, buffer)?;
        let Planes::Several = self.device.planes() else {
            // SAFETY: the field of the union that belongs to mapped memory of one plane.
            let offset = unsafe { buffer.m.offset };
            return Ok(Answer {
                offset,
                length: buffer.length,
                used: buffer.bytesused,
                skipped: 0,
                ..Answer::of(&buffer)
            });
        };
        let [plane, ..] = planes;
        // SAFETY: as above, of a plane.
        let offset = unsafe { plane.m.mem_offset };
        Ok(Answer {
            offset,
            length: plane.length,
            used: plane.bytesused,
            skipped: plane.data_offset,
            ..Answer::of(&buffer)
        })
    }
}

impl Drop for Buffers<'_> {
    fn drop(&mut self) {
        // Also where it had not begun. What fails here, fails because the device is gone, or is closed all the same.
        let stopped = self.device.call(STREAMOFF, self.device.planes().buffer_type() as i32);
        if stopped.is_err_and(|error| error.raw_os_error() != Some(libc::ENODEV)) {
            log::warn!("the driver refused to stop streaming; the descriptor is closed all the same");
        }
        self.maps.clear();
        let _ = self.device.call(REQBUFS, self.request(0));
    }
}

/// What a call says of a buffer, of either kind of device.
struct Answer {
    index: u32,
    flags: u32,
    sequence: u32,
    timestamp: timeval,
    /// Where to map it.
    offset: u32,
    length: u32,
    /// Bytes in use, of which so many come before the picture.
    used: u32,
    skipped: u32,
}

impl Answer {
    fn of(buffer: &v4l2_buffer) -> Self {
        let (index, flags, sequence, timestamp) = (buffer.index, buffer.flags, buffer.sequence, buffer.timestamp);
        Self { index, flags, sequence, timestamp, offset: 0, length: 0, used: 0, skipped: 0 }
    }
}

/// A mapped buffer.
struct Map {
    start: NonNull<u8>,
    length: usize,
}

impl Map {
    fn new(device: &Device, offset: u32, length: u32) -> io::Result<Self> {
        use rustix::mm::{MapFlags, ProtFlags, mmap};
        let length = length as usize;
        // SAFETY: a new mapping at an address that the kernel chooses touches nothing else.
        let start = unsafe {
            mmap(std::ptr::null_mut(), length, ProtFlags::READ, MapFlags::SHARED, device, u64::from(offset))
        }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, length })
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and nothing borrows it any more.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.length) };
    }
}
