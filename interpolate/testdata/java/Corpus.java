import java.io.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.*;

/** Reads each file of a folder, named by its number, and prints what stands under the keys k0, k1, … in hexadecimal. */
class Corpus {
    public static void main(String[] args) throws Exception {
        for (int i = 0; i < Integer.parseInt(args[1]); i++) {
            Path properties = Path.of(args[0], i + ".properties"), xml = Path.of(args[0], i + ".xml");
            Map<String, String> read = new TreeMap<>();
            if (Files.exists(properties)) {
                Properties p = new Properties();
                try (InputStream in = Files.newInputStream(properties)) {
                    p.load(in);
                }
                p.forEach((k, v) -> read.put((String) k, (String) v));
            } else if (Files.exists(xml)) {
                NodeList all = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(xml.toFile())
                    .getElementsByTagName("*");
                for (int n = 0; n < all.getLength(); n++) {
                    Node e = all.item(n);
                    read.put(e.getNodeName(), e.getTextContent());
                    for (int a = 0; a < e.getAttributes().getLength(); a++) {
                        read.put(e.getAttributes().item(a).getNodeName(), e.getAttributes().item(a).getNodeValue());
                    }
                }
            }
            StringBuilder line = new StringBuilder();
            read.forEach((k, v) -> line.append(hex(k)).append('=').append(hex(v)).append(' '));
            System.out.println(line);
        }
    }

    private static String hex(String s) {
        return HexFormat.of().formatHex(s.getBytes(StandardCharsets.UTF_8));
    }
}
