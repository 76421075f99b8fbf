//! What decoded frames hold: the visible part of a picture as a hash, sound as one channel.

use std::{
    collections::hash_map::DefaultHasher,
    ffi::c_int,
    hash::{Hash, Hasher},
    slice,
};

use ffmpeg_next::ffi;

use super::{AvError, check, frame::Frame, names};

impl Frame {
    /// A hash of size, pixel format and all visible samples: equal for equal pictures.
    pub(super) fn picture_hash(&self) -> Result<u64, AvError> {
        // SAFETY: the frame is ours and alive; these are integers of it. The format is one that the decoder
        // set, so it is a value of the enum.
        let (width, height, format) = unsafe {
            (
                (*self.0).width,
                (*self.0).height,
                (&raw const (*self.0).format)
                    .cast::<ffi::AVPixelFormat>()
                    .read(),
            )
        };
        // SAFETY: it takes numbers only.
        let size = unsafe { ffi::av_image_get_buffer_size(format, width, height, 1) };
        let size = check("av_image_get_buffer_size", size)?;
        let mut pixels = vec![0_u8; usize::try_from(size).unwrap_or(0)];
        // SAFETY: the buffer has `size` bytes; the frame owns planes of this format and size, which nothing
        // writes to while it is borrowed.
        let code = unsafe {
            ffi::av_image_copy_to_buffer(
                pixels.as_mut_ptr(),
                size,
                (&raw const (*self.0).data).cast::<*const u8>(),
                (&raw const (*self.0).linesize).cast::<c_int>(),
                format,
                width,
                height,
                1,
            )
        };
        check("av_image_copy_to_buffer", code)?;
        let mut hasher = DefaultHasher::new();
        (width, height, format as c_int).hash(&mut hasher);
        hasher.write(&pixels);
        Ok(hasher.finish())
    }

    /// PCM samples per second.
    pub(super) fn sample_rate(&self) -> u32 {
        // SAFETY: the frame is ours and alive; this is an integer of it.
        u32::try_from(unsafe { (*self.0).sample_rate }).unwrap_or(0)
    }

    /// The sound as one channel, 1 being full scale: a weighted mean of all, in which channels of opposite
    /// sign do not cancel out. Empty where the sample format is unknown.
    pub(super) fn mono(&self) -> Vec<f32> {
        // SAFETY: the frame is ours and alive; these are integers of it.
        let (format, count, channels) = unsafe {
            (
                (*self.0).format,
                usize::try_from((*self.0).nb_samples).unwrap_or(0),
                usize::try_from((*self.0).ch_layout.nb_channels).unwrap_or(0),
            )
        };
        let name = names::sample_format(format).unwrap_or_default();
        let planar = name.ends_with('p');
        let mut sum = vec![0.0_f32; count];
        let mut weights = 0.0_f32;
        for channel in 0..channels {
            let weight = 1.0 / (1.0 + 0.37 * channel as f32);
            weights += weight;
            let (plane, stride, first) = if planar {
                (channel, 1, 0)
            } else {
                (0, channels, channel)
            };
            // SAFETY: a frame of this format has a plane for each channel, or one for all, of `count` samples
            // for each channel in it, of the type that the format's name says, aligned, owned by the frame
            // and unwritten while it is borrowed.
            unsafe {
                let data = *(*self.0).extended_data.add(plane);
                let mut add = Add {
                    sum: &mut sum,
                    stride,
                    first,
                };
                match name.trim_end_matches('p') {
                    "u8" => add.all::<u8>(data, 128.0, weight / 128.0),
                    "s16" => add.all::<i16>(data, 0.0, weight / 32_768.0),
                    "s32" => add.all::<i32>(data, 0.0, weight / 2_147_483_648.0),
                    "flt" => add.all::<f32>(data, 0.0, weight),
                    "dbl" => add.all::<f64>(data, 0.0, weight),
                    _ => return Vec::new(),
                }
            }
        }
        let scale = 1.0 / weights.max(1.0);
        for sample in &mut sum {
            *sample *= scale;
        }
        sum
    }
}

/// Adds a channel to a sum.
struct Add<'a> {
    sum: &'a mut [f32],
    stride: usize,
    first: usize,
}

impl Add<'_> {
    /// Adds `weight` times what lies above or below `zero`.
    ///
    /// # Safety
    /// `data` points to as many aligned, initialised samples as the sum has, `stride` times over; nothing
    /// writes to them during the call.
    unsafe fn all<T: Copy + Into<f64>>(&mut self, data: *const u8, zero: f64, weight: f32) {
        let len = self.sum.len() * self.stride;
        // SAFETY: the caller's promise.
        let samples = unsafe { slice::from_raw_parts(data.cast::<T>(), len) };
        let own = samples.iter().skip(self.first).step_by(self.stride);
        for (sum, &sample) in self.sum.iter_mut().zip(own) {
            let value: f64 = sample.into();
            *sum += (value - zero) as f32 * weight;
        }
    }
}
