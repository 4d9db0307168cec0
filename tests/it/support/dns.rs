//! A DNS server that knows a few records.

use std::net::{IpAddr, SocketAddr};

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{NAPTR, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record};
use tokio::net::UdpSocket;

fn name(text: &str) -> Name {
    Name::from_ascii(format!("{text}.")).unwrap()
}

pub fn address(host: &str, address: IpAddr) -> Record {
    Record::from_rdata(name(host), 60, RData::from(address))
}

pub fn srv(service: &str, priority: u16, port: u16, target: &str) -> Record {
    let srv = SRV::new(priority, 1, port, name(target));
    Record::from_rdata(name(service), 60, RData::SRV(srv))
}

pub fn naptr(host: &str, order: u16, services: &str, replacement: &str) -> Record {
    let (flags, services) = (b"s".to_vec(), services.as_bytes().to_vec());
    let naptr = NAPTR::new(
        order,
        50,
        flags.into(),
        services.into(),
        Box::default(),
        name(replacement),
    );
    Record::from_rdata(name(host), 60, RData::NAPTR(naptr))
}

/// Serves these records on a port of its own; there is nothing else.
pub async fn serve(records: Vec<Record>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = vec![0; 4096];
        while let Ok((octets, source)) = socket.recv_from(&mut buffer).await {
            let asked = Message::from_vec(&buffer[..octets]).unwrap();
            let mut answer = Message::response(asked.metadata.id, OpCode::Query);
            let query = asked.queries[0].clone();
            let known = records.iter().filter(|record| {
                record.name == *query.name() && record.record_type() == query.query_type()
            });
            answer.add_answers(known.cloned().collect::<Vec<_>>());
            if answer.answers.is_empty() {
                answer.metadata.response_code = ResponseCode::NXDomain;
            }
            answer.add_query(query);
            socket
                .send_to(&answer.to_vec().unwrap(), source)
                .await
                .unwrap();
        }
    });
    address
}
