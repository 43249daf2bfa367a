//! The reply to INFO, in the layouts of Source (`49`) and of old GoldSrc servers (`6d`).

use super::WHOLE;
use crate::protocol::games::fields::Fields;
use crate::protocol::games::{Game, ServerInfo, TextField};

/// The application IDs of games whose replies differ.
pub(super) const THE_SHIP: u32 = 2400;
const RUST: u32 = 252_490;

/// The reply of a server to INFO.
#[derive(Debug)]
pub(super) struct Described {
    pub info: ServerInfo,
    /// The application ID on Steam; 0 if unknown.
    pub app: u32,
    /// The number of bots as sent, which may be greater than that of the players.
    pub bots: u32,
    /// The description as a datagram.
    pub datagram: Box<[u8]>,
}

/// Reads Source's layout, from after the packet's kind byte. Everything after the number of bots may be missing.
pub(super) fn read_source(body: &[u8], game: &'static Game) -> Result<Described, &'static str> {
    let mut fields = Fields::new(body);
    let mut info = ServerInfo::new(game);
    push_number(&mut info, "protocol", fields.u8()?);
    read_names(&mut fields, &mut info)?;
    let app = u32::from(fields.u16_le()?);
    read_counts(&mut fields, &mut info)?;
    let bots = fields.u8()?.into();
    let mut described = Described { info, app, bots, datagram: whole(super::SOURCE_INFO, body) };
    if read_rest(&mut fields, &mut described).is_err() {
        described.info.remarks.push("the description is cut off".to_owned());
    }
    if described.app > 0 {
        push_number(&mut described.info, "appid", described.app);
    }
    if described.app == RUST {
        use_counts_of_keywords(&mut described.info);
    }
    described.set_bots();
    Ok(described)
}

fn read_rest(fields: &mut Fields<'_>, described: &mut Described) -> Result<(), &'static str> {
    let info = &mut described.info;
    read_kind(fields, info)?;
    push_number(info, "vac", fields.u8()?);
    if described.app == THE_SHIP {
        for key in ["mode", "witnesses", "duration"] {
            push_number(info, key, fields.u8()?);
        }
    }
    info.set_text(TextField::Version, fields.text()?);
    if fields.is_empty() {
        return Ok(());
    }
    read_extra(fields, described)
}

/// Reads the fields that the extra data flag announces.
fn read_extra(fields: &mut Fields<'_>, described: &mut Described) -> Result<(), &'static str> {
    let Described { info, app, .. } = described;
    let flags = fields.u8()?;
    if flags & 0x80 != 0 {
        push_number(info, "port", fields.u16_le()?);
    }
    if flags & 0x10 != 0 {
        push_number(info, "steamid", fields.u64_le()?);
    }
    if flags & 0x40 != 0 {
        push_number(info, "sourcetv_port", fields.u16_le()?);
        info.rules.push(b"sourcetv_name", fields.text()?);
    }
    if flags & 0x20 != 0 {
        info.rules.push(b"keywords", fields.text()?);
    }
    if flags & 0x01 != 0 {
        let game_id = fields.u64_le()?;
        push_number(info, "gameid", game_id);
        // The low 24 bits are the full application ID; the earlier field has only 16 bits.
        let whole = (game_id & 0xff_ffff) as u32;
        *app = if whole > 0 { whole } else { *app };
    }
    Ok(())
}

/// Reads GoldSrc's old layout, from after the packet's kind byte.
pub(super) fn read_goldsrc(body: &[u8], game: &'static Game) -> Result<Described, &'static str> {
    let mut fields = Fields::new(body);
    let mut info = ServerInfo::new(game);
    info.rules.push(b"address", fields.text()?);
    read_names(&mut fields, &mut info)?;
    read_counts(&mut fields, &mut info)?;
    push_number(&mut info, "protocol", fields.u8()?);
    let bots = read_goldsrc_rest(&mut fields, &mut info);
    let mut described =
        Described { info, app: 0, bots: bots.unwrap_or(0), datagram: whole(super::GOLDSRC_INFO, body) };
    match bots {
        Ok(_) => described.set_bots(),
        Err(_) => described.info.remarks.push("the description is cut off".to_owned()),
    }
    Ok(described)
}

/// Reads what follows, and returns the number of bots.
fn read_goldsrc_rest(fields: &mut Fields<'_>, info: &mut ServerInfo) -> Result<u32, &'static str> {
    read_kind(fields, info)?;
    if fields.u8()? == 1 {
        info.rules.push(b"mod_link", fields.text()?);
        info.rules.push(b"mod_download", fields.text()?);
        fields.u8()?;
        push_number(info, "mod_version", fields.u32_le()?);
        push_number(info, "mod_size", fields.u32_le()?);
        push_number(info, "mod_type", fields.u8()?);
        push_number(info, "mod_dll", fields.u8()?);
    }
    push_number(info, "vac", fields.u8()?);
    fields.u8().map(u32::from)
}

fn read_names(fields: &mut Fields<'_>, info: &mut ServerInfo) -> Result<(), &'static str> {
    let name = fields.text()?;
    info.set_name(name);
    info.set_text(TextField::Map, fields.text()?);
    info.set_text(TextField::Mod, fields.text()?);
    info.rules.push(b"game", fields.text()?);
    Ok(())
}

fn read_counts(fields: &mut Fields<'_>, info: &mut ServerInfo) -> Result<(), &'static str> {
    info.players = fields.u8()?.into();
    info.max_players = Some(fields.u8()?.into());
    Ok(())
}

/// Reads the kind of server, its operating system, and whether it needs a password.
fn read_kind(fields: &mut Fields<'_>, info: &mut ServerInfo) -> Result<(), &'static str> {
    info.rules.push(b"server_type", fields.bytes(1)?);
    info.rules.push(b"os", fields.bytes(1)?);
    info.password = Some(fields.u8()? != 0);
    Ok(())
}

impl Described {
    fn set_bots(&mut self) {
        let Described { info, bots, .. } = self;
        // More bots than players are counted apart from them, so it is unknown how many of the players are bots.
        info.bots = Some(*bots).filter(|bots| *bots <= info.players);
        if info.bots.is_none() {
            info.remarks.push(format!("the server reports {bots} bots, but only {} players", info.players));
        }
    }
}

/// Reads the player counts of a Rust server from its keywords if they do not fit in a byte: `cp` is the number of
/// players, `mp` the maximum. Smaller counts are ignored, because the fields are more recent.
fn use_counts_of_keywords(info: &mut ServerInfo) {
    let keywords = info.rules.get("keywords").unwrap_or_default();
    let count = |prefix: &[u8]| {
        let mut counts = keywords
            .split(|&byte| byte == b',')
            .filter_map(|word| std::str::from_utf8(word.strip_prefix(prefix)?).ok()?.parse::<u16>().ok());
        counts.next().filter(|count| *count > u8::MAX.into()).map(u32::from)
    };
    let (players, max_players) = (count(b"cp"), count(b"mp"));
    info.max_players = max_players.or(info.max_players);
    info.players = players.unwrap_or(info.players);
}

fn push_number(info: &mut ServerInfo, key: &str, number: impl Into<u64>) {
    info.rules.push(key.as_bytes(), number.into().to_string().as_bytes());
}

fn whole(kind: u8, body: &[u8]) -> Box<[u8]> {
    [WHOLE, &[kind], body].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn game(id: &str) -> &'static Game {
        Game::find(id).unwrap()
    }

    fn rule<'a>(info: &'a ServerInfo, key: &str) -> &'a str {
        info.rules.get(key).map_or("", |value| std::str::from_utf8(value).unwrap())
    }

    /// A description up to the version; the bytes after the names are the application ID, players, slots, bots, type,
    /// system, password and VAC.
    const SHORT: &[u8] = b"\x11A name\0de_dust\0cstrike\0Source\0\xf0\0\x05\x20\x02dl\x01\x001.0\0";

    #[test]
    fn every_field_of_source_is_assigned() {
        let extra = [
            &b"\xf1"[..],
            &27016u16.to_le_bytes(),
            &90_071_992_547_409_921_u64.to_le_bytes(),
            &27020u16.to_le_bytes(),
            b"relay\0a,b\0",
            &(0x1234_0000_03d0_5444_u64).to_le_bytes(),
        ];
        let described = read_source(&[SHORT, &extra.concat()].concat(), game("css")).unwrap();
        let info = &described.info;
        assert_eq!((info.name.as_deref(), info.name_raw.as_deref()), (Some("A name"), Some(&b"A name"[..])));
        assert_eq!((info.map.as_deref(), info.mod_name.as_deref()), (Some("de_dust"), Some("cstrike")));
        assert_eq!((info.players, info.max_players, info.bots), (5, Some(32), Some(2)));
        assert_eq!((info.password, info.version.as_deref()), (Some(true), Some("1.0")));
        assert_eq!((info.game_type.as_deref(), info.private_slots), (None, None));
        assert_eq!(described.app, 0xd0_5444, "the game ID has all 24 bits");
        for (key, value) in [
            ("protocol", "17"),
            ("game", "Source"),
            ("server_type", "d"),
            ("os", "l"),
            ("vac", "0"),
            ("port", "27016"),
            ("steamid", "90071992547409921"),
            ("sourcetv_port", "27020"),
            ("sourcetv_name", "relay"),
            ("keywords", "a,b"),
            ("appid", "13653060"),
        ] {
            assert_eq!(rule(info, key), value, "{key}");
        }
        assert!(info.remarks.is_empty());
    }

    #[test]
    fn the_ship_has_three_more_fields() {
        let body = b"\x07Ship\0map\0ship\0The Ship\0\x60\x09\0\x18\0dw\0\x01\x03\x05\x071.0\0";
        let described = read_source(body, game("theship")).unwrap();
        assert_eq!((described.app, described.info.version.as_deref()), (THE_SHIP, Some("1.0")));
        assert_eq!(["mode", "witnesses", "duration"].map(|key| rule(&described.info, key)), ["3", "5", "7"]);
    }

    #[test]
    fn fields_cut_off_after_the_counts_are_missing_and_remarked() {
        let full = [SHORT, b"\x20keywords\0"].concat();
        let counts_end = full.windows(3).position(|counts| counts == b"\x05\x20\x02").unwrap() + 3;
        for len in 0..full.len() {
            let read = read_source(&full[..len], game("css"));
            assert_eq!(read.is_ok(), len >= counts_end, "{len}");
            let Ok(Described { info, .. }) = read else { continue };
            assert_eq!((info.players, info.bots), (5, Some(2)));
            assert_eq!(info.remarks.is_empty(), len == SHORT.len(), "{len}");
        }
    }

    #[test]
    fn numbers_beyond_255_come_from_the_keywords_of_rust() {
        let counts = |app: u64, keywords: &str| {
            let extra = [b"\x21", keywords.as_bytes(), b"\0", &app.to_le_bytes()].concat();
            let info = read_source(&[SHORT, &extra].concat(), game("rust")).unwrap().info;
            (info.players, info.max_players)
        };
        assert_eq!(counts(252_490, "mp400,cp312,qp0"), (312, Some(400)));
        assert_eq!(counts(252_490, "mp125,cp93"), (5, Some(32)), "the fields are newer");
        assert_eq!(counts(252_490, "mpx,cp99999999"), (5, Some(32)));
        assert_eq!(counts(730, "mp400,cp312"), (5, Some(32)), "not Rust");
    }

    #[test]
    fn with_more_bots_than_players_it_is_unknown_who_is_one() {
        let body = b"\x11n\0m\0f\0g\0\xf0\0\x05\x20\x09dl\0\x001.0\0";
        let info = read_source(body, game("css")).unwrap().info;
        assert_eq!((info.bots, info.remarks.len()), (None, 1));
    }

    #[test]
    fn the_old_layout_has_other_fields() {
        let names = b"10.0.0.1:27015\0Old\0bounce\0valve\0HL\0\x07\x1e\x2fdl\x01";
        let of_mod = b"\x01http://a\0\0\0\x01\0\0\0\x02\0\0\0\x01\x01";
        let read = |parts: &[&[u8]]| read_goldsrc(&parts.concat(), game("hl1")).unwrap();
        for (body, mod_size) in
            [(read(&[names, of_mod, b"\x01\x03"]), "2"), (read(&[names, b"\0\x01\x03"]), "")]
        {
            let info = &body.info;
            assert_eq!((info.name.as_deref(), info.map.as_deref()), (Some("Old"), Some("bounce")));
            assert_eq!((info.players, info.max_players, info.bots), (7, Some(30), Some(3)));
            assert_eq!((info.password, rule(info, "vac"), rule(info, "protocol")), (Some(true), "1", "47"));
            assert_eq!((rule(info, "address"), rule(info, "mod_size")), ("10.0.0.1:27015", mod_size));
            assert!(info.remarks.is_empty());
        }
        assert_eq!(read(&[names]).info.remarks, ["the description is cut off"]);
    }
}
