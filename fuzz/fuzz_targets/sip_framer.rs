//! Any octets as a stream: the same frames, and the same fault, wherever it is cut. The first octet says where.

#![no_main]

use libfuzzer_sys::fuzz_target;
use restante::sip::framer::{Frame, FrameError, Framer};

/// The frames until the first fault; `None` is a keep-alive.
fn frames(chunks: &[&[u8]]) -> (Vec<Option<Vec<u8>>>, Option<FrameError>) {
    let mut framer = Framer::new(1 << 20);
    let mut frames = Vec::new();
    for chunk in chunks {
        framer.push(chunk);
        for frame in framer.by_ref() {
            match frame {
                Ok(Frame::Message(message)) => frames.push(Some(message.raw().to_vec())),
                Ok(Frame::KeepAlive) => frames.push(None),
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

fuzz_target!(|octets: &[u8]| {
    let Some((&first, stream)) = octets.split_first() else { return };
    let (left, right) = stream.split_at(usize::from(first).min(stream.len()));
    assert_eq!(frames(&[stream]), frames(&[left, right]));
});
