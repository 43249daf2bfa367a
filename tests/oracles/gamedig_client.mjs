// Queries game servers with gamedig: prints one line of JSON for each HOST:PORT.
// Arguments: the folder with node_modules, gamedig's type of the game, and the servers.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const [folder, type, ...targets] = process.argv.slice(2)
const require = createRequire(pathToFileURL(`${folder}/x.js`))
const { GameDig } = await import(pathToFileURL(require.resolve('gamedig')))

// A client that waits for a TCP port, to measure a ping, would wait in vain.
const settings = { type, givenPortOnly: true, requestRules: true, maxRetries: 2, socketTimeout: 2000 }

// QuakeWorld counts minutes.
const unit = type === 'quake' ? 60 : 1
// Minecraft has no passwords, and gamedig takes its Latin-1 for UTF-8, and shows no map. Of servers of Unreal Engine 2, it
// takes every value but True for a password.
const isMinecraft = type === 'minecraft'
const hasPassword = !isMinecraft && !['unrealtournament2004', 'killingfloor'].includes(type)

async function query (target) {
  const [host, port] = target.split(':')
  const server = await GameDig.query({ ...settings, host, port: Number(port) })
  const players = [...server.players, ...server.bots]
  return {
    target,
    name: isMinecraft ? null : server.name,
    map: server.map || null,
    players: server.numplayers,
    bots: server.raw.numbots ?? null,
    max_players: Number(server.maxplayers),
    password: hasPassword ? server.password : null,
    player_list: players.map(({ name, raw }) => ({ name, score: raw.score ?? raw.frags, seconds: raw.time * unit })),
    rules: server.raw.rules ?? null
  }
}

for (const answer of await Promise.all(targets.map(query))) console.log(JSON.stringify(answer))
