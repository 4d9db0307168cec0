//! How fast the server is over HTTP: `cargo bench --bench http`, or `./scripts/bench`, which adds
//! `PostgreSQL`. `docs/performance.md` says how to read what it prints.
//!
//! It starts the real program on a new database, loads it over loopback, kills it, starts it again
//! and looks whether every message it had said to be stored is there. Both databases take turns
//! through several rounds, so that what else the machine does reaches both.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints, and ends when something is wrong"
)]

use std::fs;
use std::sync::Arc;

mod load;
mod machine;
mod postgres;
mod server;

use load::{Sample, Target, WORK, Work};
use machine::{commits_per_second, kib};
use postgres::Postgres;
use server::{Place, Server};

const ROUNDS: usize = 3;
const STARTS: usize = 5;
const CONNECTIONS: [usize; 3] = [1, 8, 32];

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let works = chosen();
    describe_machine();

    let postgres = Postgres::create().await;
    let mut targets = vec![Arc::new(Target::start(Place::embedded()).await)];
    if let Some(postgres) = &postgres {
        println!("- PostgreSQL: {}", postgres.describe().await);
        targets.push(Arc::new(Target::start(postgres.place()).await));
    }
    println!(
        "- {ROUNDS} rounds, medians of them; 1 KiB is the text, a request has some 300 octets more"
    );
    let idle: Vec<u64> = targets.iter().map(|t| t.server.memory()).collect();

    let disk = tempfile::tempdir().unwrap();
    let (mut growing, mut over) = (Vec::new(), Vec::new());
    // By work, then connections, then target: one sample a round.
    let mut samples: Vec<Vec<Sample>> = Vec::new();
    samples.resize_with(works.len() * CONNECTIONS.len() * targets.len(), Vec::new);
    for round in 1..=ROUNDS {
        let mut of_round = samples.iter_mut();
        for &(work, name) in &works {
            eprintln!("round {round} of {ROUNDS}: {name}");
            growing.push(commits_per_second(disk.path(), true));
            over.push(commits_per_second(disk.path(), false));
            for connections in CONNECTIONS {
                for target in &mut targets {
                    let mut sample = target.load(work, connections).await;
                    let target = Arc::get_mut(target).expect("no task is left");
                    target.stored.append(&mut sample.stored);
                    of_round.next().unwrap().push(sample);
                }
            }
        }
    }

    let over = sorted(over.into_iter());
    print_table(&works, &targets, &samples, over[over.len() / 2]);
    print_range("disk, 1 KiB written over and made durable", &over, "/s");
    let growing = sorted(growing.into_iter());
    print_range("disk, 1 KiB appended and made durable", &growing, "/s");
    for fresh in [true, false] {
        let name = ["start, migrated database", "start, new database"][usize::from(fresh)];
        print_range(name, &start_times(fresh).await, " ms");
    }
    for (target, idle) in targets.iter().zip(idle) {
        let loaded = target.server.memory();
        let name = target.place.name;
        println!("- memory on {name}: {idle} KiB after the start, {loaded} KiB after the load");
    }
    let size = fs::metadata(env!("CARGO_BIN_EXE_restante")).unwrap().len();
    println!("- the program: {} KiB", size / 1024);

    let mut wrong = false;
    for target in &mut targets {
        let target = Arc::get_mut(target).expect("no task is left");
        let (lost, unannounced) = target.count_lost().await;
        let (name, stored) = (target.place.name, target.stored.len());
        println!(
            "- {name}, killed and started again: {stored} messages answered 201, {lost} of them lost, {unannounced} not announced"
        );
        wrong |= lost + unannounced > 0;
    }
    drop(targets);
    if let Some(postgres) = postgres {
        postgres.remove().await;
    }
    if wrong {
        std::process::exit(1);
    }
}

/// The kinds of work whose name contains one of the arguments; all if there is none.
fn chosen() -> Vec<(Work, &'static str)> {
    // Cargo adds an option of its own.
    let parts: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let named = |name: &str| parts.iter().any(|part| name.contains(part));
    WORK.into_iter()
        .filter(|(_, name)| parts.is_empty() || named(name))
        .collect()
}

fn describe_machine() {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let cores = std::thread::available_parallelism().unwrap();
    let memory = kib("/proc/meminfo", "MemTotal:") / 1024;
    println!(
        "- Linux {}, {cores} cores, {memory} MiB of memory",
        kernel.trim()
    );
}

fn print_table(
    works: &[(Work, &str)],
    targets: &[Arc<Target>],
    samples: &[Vec<Sample>],
    disk: f64,
) {
    println!();
    println!(
        "| what | connections | database | per second | lowest to highest | p50 ms | p99 ms | server CPU us each | of disk's commits |"
    );
    println!("| --- | --: | --- | --: | --: | --: | --: | --: | --: |");
    let mut rounds = samples.iter();
    for &(work, name) in works {
        for connections in CONNECTIONS {
            for target in targets {
                let rounds = rounds.next().unwrap();
                let rates = sorted(rounds.iter().map(Sample::rate));
                let rate = rates[ROUNDS / 2];
                let ratio = match work {
                    Work::Spread | Work::OneAccount => format!("{:.2}", rate / disk),
                    _ => String::new(),
                };
                println!(
                    "| {name} | {connections} | {} | {rate:.0} | {:.0} to {:.0} | {:.2} | {:.2} | {:.0} | {ratio} |",
                    target.place.name,
                    rates[0],
                    rates[ROUNDS - 1],
                    median(rounds.iter().map(|sample| sample.percentile(50))),
                    median(rounds.iter().map(|sample| sample.percentile(99))),
                    median(rounds.iter().map(Sample::processor_per_request)),
                );
            }
        }
    }
    println!();
}

fn print_range(name: &str, values: &[f64], unit: &str) {
    let (low, middle, high) = (
        values[0],
        values[values.len() / 2],
        values[values.len() - 1],
    );
    println!("- {name}: {middle:.0}{unit} (lowest {low:.0}, highest {high:.0})");
}

async fn start_times(fresh: bool) -> Vec<f64> {
    let mut place = Place::embedded();
    if !fresh {
        drop(Server::start(&place).await);
    }
    let mut times = Vec::new();
    for _ in 0..STARTS {
        if fresh {
            place = Place::embedded();
        }
        let server = Server::start(&place).await;
        times.push(server.started_in.as_secs_f64() * 1000.0);
    }
    sorted(times.into_iter())
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let values = sorted(values);
    values[values.len() / 2]
}
