//! The protocols that simulated hosts speak. They are listed only here.

use std::fmt;

#[cfg(feature = "dns")]
use super::dns::{self, DnsServers};
use super::echo::Echo;
use super::et::GameServers;
#[cfg(feature = "games")]
use super::games::{
    A2S_FAULTS, A2sServers, BedrockServers, DOOM3_FAULTS, Doom3Servers, GAMESPY1_FAULTS, GAMESPY2_FAULTS,
    GAMESPY3_FAULTS, GameSpy1Servers, GameSpy2Servers, GameSpy3Servers, MINECRAFT_FAULTS, MinecraftServers,
    MtaServers, MumbleServers, NO_LIST, NO_PLAYERS, QUAKE2_FAULTS, QUAKEWORLD_FAULTS, Quake2Servers,
    QuakeWorldServers, SampServers, Teeworlds7Servers, TeeworldsServers, UNREAL2_FAULTS, Unreal2Servers,
};
use super::ntp::TimeServers;
use super::plan::Plan;
use super::simulated_host::SimulatedHost;
use super::snmp::{Agents, FAULTS};

/// All protocols of simulated hosts. The first one is that of [`Plan::default`].
pub static PROTOCOLS: &[HostProtocol] = &[
    HostProtocol::new("et", 27960, "Enemy Territory servers and their master", |plan| {
        Box::new(GameServers::new(plan))
    })
    .with_master()
    .with_players(),
    #[cfg(feature = "games")]
    HostProtocol::new("a2s", 27015, "Source and GoldSrc servers and a master", |plan| {
        Box::new(A2sServers::new(plan))
    })
    .with_master()
    .with_players()
    .with_faults(&A2S_FAULTS),
    #[cfg(feature = "games")]
    HostProtocol::new("bedrock", 19132, "Minecraft servers, Bedrock edition", |_| Box::new(BedrockServers)),
    #[cfg(feature = "games")]
    HostProtocol::new("mumble", 64738, "Mumble servers", |_| Box::new(MumbleServers)),
    #[cfg(feature = "games")]
    HostProtocol::new("quakeworld", 27500, "QuakeWorld servers and their master", |plan| {
        Box::new(QuakeWorldServers::new(plan))
    })
    .with_master()
    .with_players()
    .with_faults(&QUAKEWORLD_FAULTS),
    #[cfg(feature = "games")]
    HostProtocol::new("quake2", 27910, "Quake II servers and their master", |plan| {
        Box::new(Quake2Servers::new(plan))
    })
    .with_master()
    .with_players()
    .with_faults(&QUAKE2_FAULTS),
    #[cfg(feature = "games")]
    HostProtocol::new("mta", 22126, "Multi Theft Auto servers", |_| Box::new(MtaServers)).with_players(),
    #[cfg(feature = "games")]
    HostProtocol::new("samp", 7777, "San Andreas Multiplayer servers", |_| Box::new(SampServers))
        .with_players()
        .with_faults(&[NO_LIST]),
    #[cfg(feature = "games")]
    HostProtocol::new("teeworlds", 8303, "Teeworlds 0.6 and DDNet servers and their master", |plan| {
        Box::new(TeeworldsServers::new(plan))
    })
    .with_master()
    .with_players()
    .with_faults(&[NO_PLAYERS]),
    #[cfg(feature = "games")]
    HostProtocol::new("teeworlds7", 8303, "Teeworlds 0.7 servers and their master", |plan| {
        Box::new(Teeworlds7Servers::new(plan))
    })
    .with_master()
    .with_players(),
    #[cfg(feature = "games")]
    HostProtocol::new("gamespy1", 7778, "servers with GameSpy's protocol, version 1", |_| {
        Box::new(GameSpy1Servers)
    })
    .with_players()
    .with_faults(&GAMESPY1_FAULTS),
    #[cfg(feature = "games")]
    HostProtocol::new("gamespy2", 2302, "servers with GameSpy's protocol, version 2", |_| {
        Box::new(GameSpy2Servers)
    })
    .with_players()
    .with_faults(&GAMESPY2_FAULTS),
    #[cfg(feature = "games")]
    HostProtocol::new("gamespy3", 29900, "servers with GameSpy's protocol, version 3", |_| {
        Box::new(GameSpy3Servers)
    })
    .with_players()
    .with_faults(&GAMESPY3_FAULTS),
    #[cfg(feature = "games")]
    HostProtocol::new("minecraft", 25565, "Minecraft servers, Java edition", |_| {
        Box::<MinecraftServers>::default()
    })
    .with_players()
    .with_faults(&MINECRAFT_FAULTS),
    #[cfg(feature = "games")]
    HostProtocol::new("unreal2", 7778, "Unreal Tournament 2004 servers", |_| Box::new(Unreal2Servers))
        .with_players()
        .with_faults(&UNREAL2_FAULTS),
    #[cfg(feature = "games")]
    HostProtocol::new("doom3", 27666, "Doom 3 servers", |_| Box::new(Doom3Servers))
        .with_players()
        .with_faults(&DOOM3_FAULTS),
    HostProtocol::new("echo", 7, "hosts that return what they receive (RFC 862)", |_| Box::new(Echo)),
    HostProtocol::new("ntp", 123, "time servers (RFC 5905)", |_| Box::new(TimeServers)),
    HostProtocol::new("snmp", 161, "SNMP agents", |plan| Box::new(Agents::new(plan)))
        .with_rows()
        .with_faults(&FAULTS),
    #[cfg(feature = "dns")]
    HostProtocol::new("dns", 53, "DNS servers", |_| Box::<DnsServers>::default())
        .with_streams()
        .with_faults(&dns::FAULTS),
];

/// A protocol of simulated hosts: an entry of [`PROTOCOLS`].
#[non_exhaustive]
pub struct HostProtocol {
    /// The name, as on the command line.
    pub id: &'static str,
    /// The usual port.
    pub port: u16,
    /// A description in a few words.
    pub about: &'static str,
    /// True if the protocol has a master, which lists all hosts.
    pub has_master: bool,
    /// True if the protocol has players, one of whom can be [`Plan::wanted`].
    pub has_players: bool,
    /// True if the protocol has tables, with [`Plan::rows`] rows.
    pub has_rows: bool,
    /// True if the hosts also accept TCP connections, at the same port.
    pub has_streams: bool,
    /// The names of the faults that its hosts can have, for [`Plan::misbehave`].
    pub faults: &'static [&'static str],
    pub(super) build: fn(&Plan) -> Box<dyn SimulatedHost>,
}

impl HostProtocol {
    /// Creates a protocol without masters, players, rows and faults.
    const fn new(
        id: &'static str,
        port: u16,
        about: &'static str,
        build: fn(&Plan) -> Box<dyn SimulatedHost>,
    ) -> HostProtocol {
        HostProtocol {
            id,
            port,
            about,
            has_master: false,
            has_players: false,
            has_rows: false,
            has_streams: false,
            faults: &[],
            build,
        }
    }

    const fn with_master(self) -> HostProtocol {
        HostProtocol { has_master: true, ..self }
    }

    const fn with_players(self) -> HostProtocol {
        HostProtocol { has_players: true, ..self }
    }

    const fn with_rows(self) -> HostProtocol {
        HostProtocol { has_rows: true, ..self }
    }

    #[cfg(feature = "dns")]
    const fn with_streams(self) -> HostProtocol {
        HostProtocol { has_streams: true, ..self }
    }

    const fn with_faults(self, faults: &'static [&'static str]) -> HostProtocol {
        HostProtocol { faults, ..self }
    }

    /// Returns the protocol with this [`id`](HostProtocol::id).
    pub fn find(id: &str) -> Option<&'static HostProtocol> {
        PROTOCOLS.iter().find(|protocol| protocol.id == id)
    }
}

impl PartialEq for HostProtocol {
    fn eq(&self, other: &HostProtocol) -> bool {
        self.id == other.id
    }
}

impl fmt::Debug for HostProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::dice::Dice;
    use super::super::simulated_host::{HostContext, Reaction};
    use super::*;
    use crate::engine::Time;

    #[test]
    fn every_protocol_is_found_by_its_id() {
        for protocol in PROTOCOLS {
            assert_eq!(HostProtocol::find(protocol.id), Some(protocol));
            assert!(!protocol.about.is_empty() && protocol.port > 0, "{protocol:?}");
        }
        assert_eq!(HostProtocol::find("nosuch"), None);
    }

    #[test]
    fn no_host_of_any_protocol_panics_and_each_reply_is_one_datagram() {
        let mut dice = Dice::new(1);
        for protocol in PROTOCOLS {
            let mut host = (protocol.build)(&Plan::new(protocol));
            for round in 0..3000 {
                let mut request: Vec<u8> = (0..dice.below(100)).map(|_| dice.next() as u8).collect();
                if round % 2 == 0 {
                    request.splice(0..0, *b"\xff\xff\xff\xffgetstatus ");
                }
                let fault = protocol.faults.get(round % 10).copied();
                let garbage = round % 3 == 0;
                let (now, seed) = (Time::from_millis(round as u64), round as u64);
                let from = ([127, 0, 0, 1], 9).into();
                let context = HostContext { now, from, host: 1, seed, fault, garbage, wanted: None };
                let (mut reply, mut out) = (Vec::new(), Vec::new());
                let answer = if garbage { SimulatedHost::garbage } else { SimulatedHost::answer };
                if answer(&mut *host, &context, &request, &mut reply) == Reaction::Replied {
                    for part in 0..host.parts(&context, &reply) {
                        out.clear();
                        host.finish(&context, &reply, part, &mut out);
                        assert!(out.len() <= 1400, "{protocol:?}");
                    }
                }
                host.forge(&context, &request, &mut dice, &mut out);
                host.stale_reply(&context, &request, &mut out);
                (0..host.lists(&request)).for_each(|number| host.write_list(&request, number, &mut out));
            }
        }
    }
}
