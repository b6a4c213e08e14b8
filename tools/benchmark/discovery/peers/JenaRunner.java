// Runs the query set on Jena TDB1: loads the parts, measures each text (parse, plan and all rows) in this process, writes the rows of the whole query.
// Usage: java -cp … JenaRunner.java JOB RESULT
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import org.apache.jena.atlas.json.*;
import org.apache.jena.graph.Node;
import org.apache.jena.query.*;
import org.apache.jena.rdf.model.*;
import org.apache.jena.tdb.TDBFactory;
import org.apache.jena.tdb.TDBLoader;
import org.apache.jena.tdb.sys.TDBInternal;

public class JenaRunner {
  static Dataset dataset;

  // The benchmark's reader takes numbers of at most 15 digits.
  static JsonNumber rounded(double value) {
    return JsonNumber.value(new java.math.BigDecimal(value).setScale(4, java.math.RoundingMode.HALF_UP));
  }

  static long rows(String text) {
    try (QueryExecution run = QueryExecutionFactory.create(QueryFactory.create(text), dataset)) {
      ResultSet results = run.execSelect();
      long count = 0;
      while (results.hasNext()) {
        QuerySolution row = results.next();
        for (String name : results.getResultVars()) row.get(name);
        ++count;
      }
      return count;
    }
  }

  static String cell(RDFNode node) {
    if (node == null) return "";
    if (node.isURIResource()) return "I" + node.asResource().getURI();
    Literal literal = node.asLiteral();
    String type = literal.getDatatypeURI();
    if (type == null || type.endsWith("#string")) type = "";
    return "L" + type + "|" + literal.getLexicalForm();
  }

  static void writeRows(String text, String path) throws IOException {
    try (QueryExecution run = QueryExecutionFactory.create(QueryFactory.create(text), dataset);
         Writer out = Files.newBufferedWriter(Paths.get(path), StandardCharsets.UTF_8)) {
      ResultSet results = run.execSelect();
      List<String> names = results.getResultVars();
      while (results.hasNext()) {
        QuerySolution row = results.next();
        StringJoiner line = new StringJoiner("\t", "", "\n");
        for (String name : names) line.add(cell(row.get(name)));
        out.write(line.toString());
      }
    }
  }

  static JsonObject measured(JsonObject query, long budgetMs, String folder) {
    String name = query.get("name").getAsString().value(), text = query.get("text").getAsString().value();
    long repetitions = query.get("repetitions").getAsNumber().value().longValue();
    JsonObject out = new JsonObject();
    out.put("name", name);
    try {
      dataset.begin(ReadWrite.READ);
      long begin = System.nanoTime();
      for (int i = 0; i < 5 && System.nanoTime() - begin < budgetMs * 1_000_000L; ++i) out.put("rows", rows(text));
      begin = System.nanoTime();
      JsonArray times = new JsonArray();
      for (long i = 0; i < repetitions && (i < 3 || System.nanoTime() - begin < budgetMs * 1_000_000L); ++i) {
        long start = System.nanoTime();
        rows(text);
        times.add(rounded((System.nanoTime() - start) / 1e6));
      }
      out.put("ms", times);
      String path = folder + "/" + name + ".rows";
      writeRows(query.get("whole").getAsString().value(), path);
      out.put("wholeRows", path);
    } catch (RuntimeException | IOException problem) {
      out.put("problem", problem.toString());
    } finally {
      dataset.end();
    }
    return out;
  }

  static long folderBytes(String folder) throws IOException {
    try (var files = Files.walk(Paths.get(folder))) {
      return files.filter(Files::isRegularFile).mapToLong(file -> file.toFile().length()).sum();
    }
  }

  static double residentMib() throws IOException {
    String[] words = Files.readString(Paths.get("/proc/self/statm")).split(" ");
    return Long.parseLong(words[1]) * 4096.0 / (1 << 20);
  }

  public static void main(String[] arguments) throws IOException {
    JsonObject job = JSON.read(arguments[0]), result = new JsonObject();
    String folder = job.get("folder").getAsString().value(), store = folder + "/store";
    Files.createDirectories(Paths.get(store));
    List<String> parts = new ArrayList<>();
    job.get("parts").getAsArray().forEach(part -> parts.add(part.getAsString().value()));
    dataset = TDBFactory.createDataset(store);
    long begin = System.nanoTime();
    TDBLoader.load(TDBInternal.getDatasetGraphTDB(dataset), parts, false, true);
    result.put("loadSeconds", rounded((System.nanoTime() - begin) / 1e9));
    result.put("version", "Jena " + org.apache.jena.Jena.VERSION + " TDB1");
    result.put("diskMib", rounded(folderBytes(store) / (double) (1 << 20)));
    JsonArray queries = new JsonArray();
    job.get("queries").getAsArray().forEach(query -> queries.add(measured(query.getAsObject(), job.get("budgetMs").getAsNumber().value().longValue(), folder)));
    result.put("queries", queries);
    result.put("memoryMib", rounded(residentMib()));
    Files.writeString(Paths.get(arguments[1]), result.toString());
    dataset.close();
  }
}
