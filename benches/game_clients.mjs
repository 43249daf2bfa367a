// Queries game servers with gamedig, for benches/game_clients.py: prints a line for each server that answered:
// its name, map, number of players, and how many of them were listed.
// Arguments: the folder with node_modules, gamedig's type of the game, how many servers at once, and a file of targets.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const [folder, type, atOnce, file] = process.argv.slice(2)
const require = createRequire(pathToFileURL(`${folder}/x.js`))
const { GameDig } = await import(pathToFileURL(require.resolve('gamedig')))

// One object, hence one socket. Without `address`, it would resolve each address as if it were a name.
const client = new GameDig()
// Without `requestPlayersRequired`, it would give up the list of players after one attempt.
const settings = { type, givenPortOnly: true, requestPlayersRequired: true, maxRetries: 3, socketTimeout: 1000 }
const targets = readFileSync(file, 'utf8').trim().split('\n')

async function work () {
  for (let target; (target = targets.pop());) {
    const [address, port] = target.split(':')
    try {
      const server = await client.query({ ...settings, address, host: address, port: Number(port) })
      const listed = server.players.length + server.bots.length
      console.log(JSON.stringify([server.name, server.map, server.numplayers, listed]))
    } catch {
      // It did not answer.
    }
  }
}

await Promise.all(Array.from({ length: Number(atOnce) }, work))
