import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;

/** Reads the given files, each as a stream (ISO-8859-1) and as UTF-8, and prints all properties in hexadecimal. */
class Read {
    public static void main(String[] files) throws IOException {
        for (String file : files) {
            Properties latin = new Properties(), utf8 = new Properties();
            try (InputStream in = new FileInputStream(file)) {
                latin.load(in);
            }
            try (Reader in = new InputStreamReader(new FileInputStream(file), StandardCharsets.UTF_8)) {
                utf8.load(in);
            }
            write(latin);
            write(utf8);
        }
    }

    private static void write(Properties read) {
        StringBuilder line = new StringBuilder();
        for (String key : read.stringPropertyNames()) {
            line.append(hex(key)).append('=').append(hex(read.getProperty(key))).append(' ');
        }
        System.out.println(line);
    }

    private static String hex(String s) {
        return HexFormat.of().formatHex(s.getBytes(StandardCharsets.UTF_8));
    }
}
