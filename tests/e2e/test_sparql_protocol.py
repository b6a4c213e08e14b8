"""/sparql over a real network: the W3C protocol on the wire, the named graphs of transactions, and a client that was not written here (rdflib)."""

import json
import subprocess
import urllib.parse
import xml.etree.ElementTree as ElementTree

import pytest
import rdflib
import rdflib.compare
from rdflib.plugins.stores.sparqlstore import SPARQLStore

from client import binary, device, wait_until

PREFIX = """PREFIX agiddi: <https://w3id.org/agiddi/ontology#>
PREFIX prov: <http://www.w3.org/ns/prov#>
PREFIX schema: <https://schema.org/>
PREFIX sosa: <http://www.w3.org/ns/sosa/>
"""
CURRENT = "urn:agiddi:graph:current"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
QUERY = {"Content-Type": "application/sparql-query"}


@pytest.fixture(scope="module")
def history(cluster):
    """A device with two versions that was retired then, and one that stands."""
    node, owner = cluster.nodes[0], cluster.other
    gone, stands = (d["id"] for d in cluster.register(device(node, owner.did, name="Gone é"), device(node, owner.did, name="Stands"), identity=owner))
    update = {"id": gone, "version": 1, **device(node, owner.did, name="Gone two")}
    assert node.signed("/v1/devices/" + gone, update, owner, "device.update", method="PUT").status == 201
    transactions = [v["transaction"] for v in node.get(f"/v1/devices/{gone}/versions").json["versions"]]
    assert node.signed(f"/v1/devices/{gone}/retire", {"id": gone, "version": 2}, owner, "device.retire").status == 200
    height = node.get("/v1/status").json["height"]
    for other in cluster.nodes:
        wait_until("the height", lambda: other.get("/v1/status").json["height"] >= height)
    return {"gone": gone, "stands": stands, "first": "urn:agiddi:transaction:" + transactions[0], "second": "urn:agiddi:transaction:" + transactions[1]}


def rows(node, query, parameters="", **kw):
    answer = node.request("POST", "/sparql" + parameters, (PREFIX + query).encode(), {**QUERY, "Accept": "application/sparql-results+json"}, **kw)
    assert answer.status == 200, answer
    return [{name: cell["value"] for name, cell in row.items()} for row in answer.json["results"]["bindings"]]


def test_a_version_that_is_gone_stands_in_the_graph_of_its_transaction(cluster, history):
    for node in cluster.nodes:
        gone = f"<{history['gone']}>"
        assert rows(node, f"SELECT ?name {{ {gone} schema:name ?name }}") == []
        assert rows(node, f"SELECT ?name {{ GRAPH <{history['first']}> {{ {gone} schema:name ?name }} }}") == [{"name": "Gone é"}]
        found = rows(node, f"SELECT ?g ?name {{ GRAPH ?g {{ {gone} schema:name ?name ; agiddi:version ?v }} }} ORDER BY ?v")
        assert found == [{"g": history["first"], "name": "Gone é"}, {"g": history["second"], "name": "Gone two"}]
        ended = rows(node, f"SELECT ?action ?who {{ GRAPH ?t {{ ?t prov:invalidated <{history['gone']}?version=2> ; agiddi:action ?action ; prov:wasAssociatedWith ?who }} }}")
        assert ended == [{"action": "device.retire", "who": cluster.other.did}]
        # From the present into the past, by what the default graph says.
        assert rows(node, f"SELECT ?at {{ <{history['stands']}> agiddi:recordedIn ?t GRAPH ?t {{ ?t prov:endedAtTime ?at ; prov:generated ?version }} }} LIMIT 1") != []


def test_the_graphs_of_all_nodes_are_equal(cluster, history):
    texts = {node.get("/sparql?" + urllib.parse.urlencode({"query": f"CONSTRUCT {{ ?s ?p ?o }} FROM <{history['first']}> {{ ?s ?p ?o }} ORDER BY ?s ?p ?o"}), "application/n-triples").text
             for node in cluster.nodes}
    assert len(texts) == 1 and len(texts.pop().splitlines()) > 50


def test_dataset_parameters(cluster, history):
    node = cluster.nodes[1]
    names = "SELECT ?name { ?d schema:name ?name ; agiddi:version ?v }"

    def get(**parameters):
        return node.get("/sparql?" + urllib.parse.urlencode({"query": PREFIX + names, **parameters}, doseq=True), "text/csv")

    assert sorted(get(**{"default-graph-uri": history["first"]}).text.split("\r\n")) == ["", "Gone é", "Stands", "name"]
    assert get(**{"default-graph-uri": [history["second"]]}).text == "name\r\nGone two\r\n"
    assert get(**{"named-graph-uri": [history["second"]]}).text == "name\r\n"
    assert "Stands" in get(**{"default-graph-uri": [CURRENT, history["second"]]}).text
    assert get(**{"default-graph-uri": "http://example.org/"}).status == 422
    form = urllib.parse.urlencode({"query": PREFIX + "SELECT ?g { GRAPH ?g { ?t a agiddi:Transaction } }", "named-graph-uri": [history["first"], history["second"]]}, doseq=True)
    answer = node.request("POST", "/sparql", form.encode(), {**FORM, "Accept": "text/csv"})
    assert sorted(answer.text.split()) == sorted(["g", history["first"], history["second"]])


def test_the_wire(cluster, history):
    node = cluster.nodes[2]
    select = urllib.parse.quote(PREFIX + f"SELECT * {{ <{history['stands']}> schema:name ?name ; agiddi:version ?v }}")
    head = node.request("HEAD", "/sparql?query=" + select, headers={"Accept": "text/csv"})
    assert head.status == 200 and head.body == b"" and head.headers["Content-Type"].startswith("text/csv") and head.headers["Vary"] == "Accept"
    options = node.request("OPTIONS", "/sparql", headers={"Origin": "http://example.org", "Access-Control-Request-Method": "POST"})
    assert options.status == 204 and "POST" in options.headers["Allow"] and "Content-Type" in options.headers["Access-Control-Allow-Headers"]
    assert node.request("DELETE", "/sparql").status == 405
    assert node.get("/sparql?query=" + select, "text/tab-separated-values").text == '?name\t?v\n"Stands"\t1\n'
    xml = node.get("/sparql?query=" + select, "application/sparql-results+xml;q=0.9, text/html")
    names = {"s": "http://www.w3.org/2005/sparql-results#"}
    root = ElementTree.fromstring(xml.body)
    assert [v.get("name") for v in root.findall("s:head/s:variable", names)] == ["name", "v"]
    assert root.find("s:results/s:result/s:binding[@name='v']/s:literal", names).get("datatype") == "http://www.w3.org/2001/XMLSchema#integer"
    for target, status in (("/sparql?query=", 400), ("/sparql?qeury=ASK%7B%7D", 400), ("/sparql?query=ASK%7B%7D&query=ASK%7B%7D", 400), ("/sparql?query=%zz", 400),
                           ("/sparql?query=ASK%7B%7D&update=CLEAR%20ALL", 400), ("/sparql?query=ASK%7B%7D&anything=else", 200)):
        answer = node.get(target)
        assert answer.status == status, (target, answer)
        if status == 400:
            assert answer.headers["Content-Type"] == "application/problem+json" and answer.json["detail"]
    assert node.request("POST", "/sparql", b"ASK {}").status == 415
    assert node.request("POST", "/sparql", "ASK {}".encode("utf-16"), {"Content-Type": "application/sparql-query; charset=utf-16"}).status == 415
    assert node.request("POST", "/sparql", b"CLEAR ALL", {"Content-Type": "application/sparql-update"}).status == 400
    assert node.get("/sparql?query=" + "a" * 9000).status == 414
    assert "line 1" in node.get("/sparql?query=SELECT%20nonsense").json["detail"]


def test_the_service_describes_itself(cluster, history):
    sd, void = rdflib.Namespace("http://www.w3.org/ns/sparql-service-description#"), rdflib.Namespace("http://rdfs.org/ns/void#")
    graphs = []
    for accept, name in (("text/turtle", "turtle"), ("application/n-triples", "nt"), ("application/ld+json", "json-ld"), ("application/rdf+xml", "xml")):
        answer = cluster.nodes[0].get("/sparql", accept)
        assert answer.status == 200 and answer.headers["Content-Type"].startswith(accept)
        graphs.append(rdflib.Graph().parse(data=answer.text, format=name))
    assert all(rdflib.compare.isomorphic(graphs[0], other) for other in graphs[1:])
    service = graphs[0].value(predicate=rdflib.RDF.type, object=sd.Service)
    assert str(graphs[0].value(service, sd.endpoint)) == cluster.nodes[0].url + "/sparql"
    assert (service, sd.supportedLanguage, sd.SPARQL11Query) in graphs[0]
    default = graphs[0].value(graphs[0].value(service, sd.defaultDataset), sd.defaultGraph)
    assert int(graphs[0].value(default, void.triples)) > 20


def test_a_hostile_graph_variable_ends_at_its_bound(cluster, history):
    query = "SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?a ?b ?c } GRAPH ?h { ?d ?e ?f } GRAPH ?i { ?j ?k ?l } GRAPH ?m { ?n1 ?o ?p } }"
    answer = cluster.nodes[3].request("POST", "/sparql", query.encode(), QUERY)
    assert answer.status == 503 and "limit" in answer.json["detail"], answer
    assert cluster.nodes[3].get("/v1/status").status == 200


def test_rdflib_reads_and_writes_of_queries(cluster, history):
    for method in ("GET", "POST", "POST_FORM"):
        for returned in ("xml", "json", "csv", "tsv"):
            store = SPARQLStore(cluster.nodes[0].url + "/sparql", method=method, returnFormat=returned)
            found = list(store.query(PREFIX + f"SELECT ?name ?v {{ <{history['stands']}> schema:name ?name ; agiddi:version ?v }}"))
            assert [(str(r[0]), str(r[1])) for r in found] == [("Stands", "1")], (method, returned)
        store = SPARQLStore(cluster.nodes[0].url + "/sparql", method=method)
        assert bool(store.query(PREFIX + f"ASK {{ <{history['stands']}> a agiddi:Device }}"))
        described = store.query(f"CONSTRUCT {{ ?s ?p ?o }} WHERE {{ GRAPH <{history['first']}> {{ ?s ?p ?o }} }}").graph
        local = rdflib.Graph().parse(data=cluster.nodes[0].request(
            "POST", "/sparql", f"CONSTRUCT {{ ?s ?p ?o }} WHERE {{ GRAPH <{history['first']}> {{ ?s ?p ?o }} }}".encode(), {**QUERY, "Accept": "application/n-triples"}).text, format="nt")
        assert len(described) > 50 and rdflib.compare.isomorphic(described, local)
    # As a graph and as a dataset of rdflib: triple patterns, and a named graph by its name.
    graph = rdflib.Graph(store=SPARQLStore(cluster.nodes[0].url + "/sparql"))
    name = graph.value(rdflib.URIRef(history["stands"]), rdflib.URIRef("https://schema.org/name"))
    assert str(name) == "Stands"
    past = rdflib.ConjunctiveGraph(store=SPARQLStore(cluster.nodes[0].url + "/sparql")).get_context(rdflib.URIRef(history["second"]))
    assert str(past.value(rdflib.URIRef(history["gone"]), rdflib.URIRef("https://schema.org/name"))) == "Gone two"


def test_the_command_line_offers_formats_graphs_and_the_plan(cluster, history):
    def sparql(*arguments):
        done = subprocess.run([binary("agiddi"), "sparql", *arguments, "--node", cluster.nodes[0].url], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout

    name = PREFIX + f"SELECT ?name {{ <{history['gone']}> schema:name ?name }}"
    assert sparql(name, "--format", "csv", "--default-graph", history["second"]) == (0, "name\nGone two\n")
    status, text = sparql(name, "--format", "xml", "--default-graph", history["first"])
    assert status == 0 and ElementTree.fromstring(text) is not None and "Gone é" in text
    everything = PREFIX + "CONSTRUCT { ?d schema:name ?n } WHERE { GRAPH ?g { ?d schema:name ?n ; agiddi:version 2 } }"
    assert sparql(everything, "--format", "ntriples", "--named-graph", history["second"]) == (0, f'<{history["gone"]}> <https://schema.org/name> "Gone two" .\n')
    assert "rdf:RDF" in sparql(everything, "--format", "rdfxml", "--named-graph", history["second"])[1]
    assert sparql(name, "--format", "turtle")[0] == 1          # rows are no graph
    assert sparql(name, "--format", "sonnet")[0] == 2
    assert sparql(name, "--format", "csv", "--accept", "text/csv")[0] == 2
    status, plan = sparql(PREFIX + "SELECT * { ?d a agiddi:Device ; agiddi:costPerMinute ?c FILTER(?c < 1) }", "--explain")
    assert status == 0 and "scan" in plan and "filter" in plan and "~" in plan
    status, document = sparql(name, "--explain", "--json")
    assert status == 0 and "scan" in json.loads(document)["plan"]
