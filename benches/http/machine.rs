//! What the machine does by itself.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the bare disk is measured, in each round.
const DISK_TURN: Duration = Duration::from_millis(400);

/// What the disk does by itself: 1 KiB written and made durable, again and again. Either the file
/// grows, or room made beforehand is written over, as both databases do in their logs.
pub(crate) fn commits_per_second(directory: &Path, grow: bool) -> f64 {
    const ROOM: usize = 4 * 1024 * 1024;
    let path = directory.join("disk");
    let mut file = File::create(&path).unwrap();
    if !grow {
        file.write_all(&vec![1; ROOM]).unwrap();
        file.sync_all().unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
    }
    let begun = Instant::now();
    let mut commits = 0.0;
    while begun.elapsed() < DISK_TURN {
        file.write_all(&[2; 1024]).unwrap();
        file.sync_data().unwrap();
        commits += 1.0;
    }
    fs::remove_file(path).unwrap();
    commits / begun.elapsed().as_secs_f64()
}

/// A number of KiB from a file of the kernel.
pub(crate) fn kib(file: &str, field: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap();
    let number = line.split_ascii_whitespace().nth(1).unwrap();
    number.parse().unwrap()
}
