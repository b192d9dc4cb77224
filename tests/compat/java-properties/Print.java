import java.io.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;

/**
 * Prints what java.util.Properties reads from each line of inputs.txt, one JSON object per line, pairs in the order
 * they were put. The line is the input with \n \r \t \f \\ and \\uXXXX as escapes. Half a surrogate pair is printed as
 * U+FFFD, since JSON has none.
 *
 * Run here: java Print.java < inputs.txt > expected.jsonl
 */
public class Print {
    static String unescape(String text) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c != '\\') { out.append(c); continue; }
            char e = text.charAt(++i);
            switch (e) {
                case 'n': out.append('\n'); break;
                case 'r': out.append('\r'); break;
                case 't': out.append('\t'); break;
                case 'f': out.append('\f'); break;
                case 'u': out.append((char) Integer.parseInt(text.substring(i + 1, i + 5), 16)); i += 4; break;
                default: out.append(e);
            }
        }
        return out.toString();
    }

    static String json(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            boolean pair = Character.isHighSurrogate(c) && i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1));
            if (pair) { out.append(c).append(text.charAt(++i)); continue; }
            if (Character.isSurrogate(c)) c = '\ufffd';
            if (c == '"' || c == '\\') out.append('\\').append(c);
            else if (c < 0x20 || c == 0x7f) out.append(String.format("\\u%04x", (int) c));
            else out.append(c);
        }
        return out.append('"').toString();
    }

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, "UTF-8");
        for (String line; (line = in.readLine()) != null; ) {
            String input = unescape(line);
            List<String> pairs = new ArrayList<>();
            Properties properties = new Properties() {
                @Override public synchronized Object put(Object key, Object value) {
                    pairs.add("[" + json((String) key) + "," + json((String) value) + "]");
                    return super.put(key, value);
                }
            };
            String rest;
            try {
                properties.load(new StringReader(input));
                rest = "\"pairs\":[" + String.join(",", pairs) + "]";
            } catch (IllegalArgumentException e) {
                rest = "\"error\":" + json(e.getMessage());
            }
            out.println("{\"input\":" + json(input) + "," + rest + "}");
        }
        out.flush();
    }
}
