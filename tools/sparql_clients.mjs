// Asks a node's /sparql through clients that were not written here; run by tools/try_clients in a folder where they are installed.
// Usage: node sparql_clients.mjs ENDPOINT DEVICE TRANSACTION      (DEVICE is named "Harbour weather" and was recorded by TRANSACTION)
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const [endpoint, device, transaction] = process.argv.slice(2)
const graph = 'urn:agiddi:transaction:' + transaction
const require = createRequire(process.cwd() + '/')
const version = (name) => require(`./node_modules/${name}/package.json`).version
const select = `PREFIX schema: <https://schema.org/> SELECT ?name WHERE { <${device}> schema:name ?name }`
const past = `PREFIX prov: <http://www.w3.org/ns/prov#> SELECT ?g ?who WHERE { GRAPH ?g { ?g prov:generated <${device}?version=1> ; prov:wasAssociatedWith ?who } }`
const ask = `ASK { <${device}> ?p ?o }`
const construct = `CONSTRUCT WHERE { <${device}> ?p ?o }`
const list = async (stream) => { const all = []; for await (const one of stream) all.push(one); return all }
let failures = 0

async function story (name, run) {
  try {
    const what = await run()
    console.log(`${name} ${version(name)}: ${what}`)
  } catch (error) {
    failures++
    console.log(`${name} ${version(name)}: FAILED ${error.stack}`)
  }
}

await story('sparql-http-client', async () => {
  const { default: SparqlClient } = await import(pathToFileURL(require.resolve('sparql-http-client')).href)
  const { default: ParsingClient } = await import(pathToFileURL(require.resolve('sparql-http-client/ParsingClient.js')).href)
  const { default: SimpleClient } = await import(pathToFileURL(require.resolve('sparql-http-client/SimpleClient.js')).href)
  const client = new SparqlClient({ endpointUrl: endpoint })
  const parsing = new ParsingClient({ endpointUrl: endpoint })
  let calls = 0
  for (const operation of ['get', 'postUrlencoded', 'postDirect']) {
    const rows = await list(client.query.select(select, { operation }))
    assert.deepEqual(rows.map((row) => row.name.value), ['Harbour weather'])
    assert.equal((await parsing.query.select(past, { operation }))[0].g.value, graph)
    assert.equal(await client.query.ask(ask, { operation }), true)
    const quads = await list(client.query.construct(construct, { operation }))
    assert.ok(quads.length > 15 && quads.every((quad) => quad.subject.value === device))
    calls += 4
  }
  const simple = new SimpleClient({ endpointUrl: endpoint })
  const response = await simple.query.select(select, { headers: { accept: 'text/csv' } })
  assert.equal(await response.text(), 'name\r\nHarbour weather\r\n')
  return `select, ask, construct over get, postUrlencoded and postDirect; ${calls + 1} queries as expected`
})

await story('fetch-sparql-endpoint', async () => {
  const { SparqlEndpointFetcher } = require('fetch-sparql-endpoint')
  for (const method of ['GET', 'POST']) {
    const fetcher = new SparqlEndpointFetcher({ method })
    const rows = await list(await fetcher.fetchBindings(endpoint, select))
    assert.deepEqual(rows.map((row) => row.name.value), ['Harbour weather'])
    assert.equal((await list(await fetcher.fetchBindings(endpoint, past)))[0].g.value, graph)
    assert.equal(await fetcher.fetchAsk(endpoint, ask), true)
    const quads = await list(await fetcher.fetchTriples(endpoint, construct))
    assert.ok(quads.length > 15)
    await assert.rejects(fetcher.fetchBindings(endpoint, 'SELECT nonsense'))
  }
  return 'select, ask, construct and an error over GET and POST'
})

await story('@comunica/query-sparql', async () => {
  const { QueryEngine } = require('@comunica/query-sparql')
  const engine = new QueryEngine()
  // By its type given, and found out from the service description.
  for (const source of [{ type: 'sparql', value: endpoint }, endpoint]) {
    const sources = { sources: [source] }
    const bindings = await (await engine.queryBindings(select, sources)).toArray()
    assert.deepEqual(bindings.map((row) => row.get('name').value), ['Harbour weather'])
    assert.equal(await engine.queryBoolean(ask, sources), true)
    const quads = await (await engine.queryQuads(construct, sources)).toArray()
    assert.ok(quads.length > 15)
    const grouped = await (await engine.queryBindings('SELECT ?type (COUNT(?d) AS ?n) WHERE { ?d a ?type } GROUP BY ?type', sources)).toArray()
    assert.ok(grouped.length > 1)
  }
  return 'select, ask, construct, group by; the source by type and by its service description'
})

process.exit(failures ? 1 : 0)
