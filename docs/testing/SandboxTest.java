// A client against a sandbox, with the JDK alone (17 or later):
//
//	PLATEN=/usr/local/bin/platen java SandboxTest.java
//
// With JUnit, what main does first and last stands in @BeforeAll and @AfterAll.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Base64;
import java.util.regex.Pattern;

public class SandboxTest {
    static String url, basic;
    static final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    public static void main(String[] args) throws Exception {
        String program = System.getenv().getOrDefault("PLATEN", "platen");
        Process platen = new ProcessBuilder(program, "sandbox", "--listen", "127.0.0.1:0", "--json")
            .redirectError(ProcessBuilder.Redirect.INHERIT).start();
        try {
            String line = new BufferedReader(new InputStreamReader(platen.getInputStream())).readLine();
            url = find(line, "\"url\":\"([^\"]*)\"");
            String pair = find(line, "\"user\":\"([^\"]*)\"") + ":" + find(line, "\"password\":\"([^\"]*)\"");
            basic = "Basic " + Base64.getEncoder().encodeToString(pair.getBytes());

            String set = find(must(200, "GET", "/rest/serverengine/entity/jobsets", null), "\\[(\\d+)");
            String job = find(must(200, "GET", "/rest/serverengine/entity/jobsets/" + set, null), "\\[(\\d+)");
            String properties = "/rest/serverengine/entity/jobs/" + job + "/properties";
            must(200, "PUT", properties, "{\"id\":" + job + ",\"properties\":[{\"name\":\"status\",\"value\":\"printed\"}]}");

            must(201, "POST", "/api/v1/sandbox/faults", "{\"name\":\"busy\",\"status\":503,\"to\":1}");
            must(503, "GET", properties, null);
            must(200, "GET", properties, null);
            check(must(200, "GET", "/api/v1/sandbox/faults/busy", null).contains("\"hits\":1"), "the fault has acted once");

            must(400, "PUT", properties, "{}");
            check(must(200, "GET", "/api/v1/requests?status=4xx", null).contains("\"reason\""), "the journal has the reason");

            must(200, "POST", "/api/v1/sandbox/reset", "{}");
            check(!must(200, "GET", properties, null).contains("printed"), "it is as it was");
            System.out.println("ok");
        } finally {
            platen.destroy();
            platen.waitFor();
        }
    }

    static String must(int status, String method, String path, String body) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url + path))
            .header("Authorization", basic).header("Content-Type", "application/json")
            .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body)).build();
        HttpResponse<String> answer = http.send(request, BodyHandlers.ofString());
        check(answer.statusCode() == status, method + " " + path + ": " + answer.statusCode() + " " + answer.body());
        return answer.body();
    }

    static String find(String text, String pattern) {
        var found = Pattern.compile(pattern).matcher(text);
        check(found.find(), pattern + " in " + text);
        return found.group(1);
    }

    static void check(boolean ok, String what) {
        if (!ok) throw new AssertionError(what);
    }
}
