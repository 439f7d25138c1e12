// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/tailscale/hujson"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// The corpus is made by this program from a fixed seed: files as they are under version control, with references in
// every style. Each reference has its own key, so that readers in all languages can be compared.

const corpusFiles = 3000

// corpusFile is a rendered file, and the text that readers must see under each key.
type corpusFile struct {
	Format interpolate.Format `json:"format"`
	Text   string             `json:"text"`
	want   map[string]string
}

// corpusStyles are the lines of each format that hold a value: K is the key, CALL the reference.
var corpusStyles = map[interpolate.Format][]struct{ line, before, after string }{
	interpolate.FormatYAML: {
		{"K: CALL # c\n", "", ""}, {"K: \"CALL\"\n", "", ""}, {"K: 'a CALL b'\n", "a ", " b"}, {"K: a CALL b\n", "a ", " b"},
		{"K: |-\n  x: CALL;\n", "x: ", ";"}, {"K: >-\n  x CALL\n", "x ", ""}, {"list: [1, {K: \"CALL\"}, ~]\n", "", ""},
		{"seq:\n- K: CALL\n  other: yes\n", "", ""}, {"K: &aN !!str CALL\nref: *aN\n", "", ""},
		{"app.json: |\n  {\"K\": \"x CALL\", \"n\": 1}\n", "x ", ""},
		{"app.yaml: |\n  # c\n  K: CALL # c\n  n: [1]\n", "", ""},
		{"---\nkind: ConfigMap\ndata:\n  K: pouncet://-/-/s\n", "", ""},
	},
	interpolate.FormatJSON: {
		{"\"K\": \"CALL\",\n", "", ""}, {"\"K\": CALL,\n", "", ""}, {"\"o\": [1.50, {\"K\": \"\\u0061 CALL\"}],", "a ", ""},
	},
	interpolate.FormatJSONC: {
		{"\"K\": \"CALL\", // c \"\n", "", ""}, {"/* c */ \"K\": CALL,", "", ""},
		{"\"o\": [{\"K\": \"//CALL\",},],\n", "//", ""},
	},
	interpolate.FormatTOML: {
		{"K = \"CALL\" # c\n", "", ""}, {"K = 'x CALL'\n", "x ", ""}, {"K = CALL\n", "", ""},
		{"K = \"\"\"\nx CALL y\"\"\"\n", "x ", " y"}, {"oN = {K = \"CALL\", n = 1}\n", "", ""},
	},
	interpolate.FormatINI: {
		{"K = CALL\n", "", ""}, {"K: x CALL y\n", "x ", " y"}, {"; c\n[sN]\nK=CALL\n", "", ""},
	},
	interpolate.FormatXML: {
		{"<K>CALL</K>\n", "", ""}, {"<e K='x CALL'/>\n", "x ", ""}, {"<K><!-- c -->a&amp;CALL</K>", "a&", ""},
	},
	interpolate.FormatProperties: {
		{"K=CALL\n", "", ""}, {"K : x CALL\n", "x ", ""}, {"! c\nK \\\n  CALL\n", "", ""},
	},
	interpolate.FormatHCL: {
		{"K = \"CALL\" # c\n", "", ""}, {"K = CALL\n", "", ""}, {"K = \"x CALL y\"\n", "x ", " y"},
		{"oN = { K = \"CALL\", n = [1] }\n", "", ""}, {"K = <<EOT\nx CALL\nEOT\n", "x ", "\n"},
	},
	interpolate.FormatDotenv: {{"K=CALL\n", "", ""}, {"export K=\"CALL\" # c\n", "", ""}, {"K='CALL'\n", "", ""}},
}

// corpusShares says how many of 20 files have a format.
var corpusShares = []struct {
	format interpolate.Format
	share  int
}{
	{interpolate.FormatYAML, 7}, {interpolate.FormatJSON, 2}, {interpolate.FormatJSONC, 1}, {interpolate.FormatTOML, 2},
	{interpolate.FormatINI, 2}, {interpolate.FormatXML, 2}, {interpolate.FormatProperties, 2},
	{interpolate.FormatDotenv, 1}, {interpolate.FormatHCL, 1},
}

// corpusText returns a file with CALL for references, and what stands before and after the value of each key.
func corpusText(format interpolate.Format, random *rand.Rand) (text string, around map[string][2]string) {
	around = map[string][2]string{}
	var b strings.Builder
	nested := map[string]bool{}
	for i := range 2 + random.IntN(10) {
		styles := corpusStyles[format]
		style := styles[random.IntN(len(styles))]
		name, _, _ := strings.Cut(style.line, ":")
		if name == "---\nkind" {
			clear(nested)
		}
		if !strings.HasPrefix(name, "K") && nested[name] { // no key twice
			style = styles[0]
		}
		nested[name] = true
		key := fmt.Sprintf("k%d", i)
		line := strings.ReplaceAll(strings.ReplaceAll(style.line, "aN", fmt.Sprint("a", i)), "ref:", fmt.Sprintf("ref%d:", i))
		line = strings.ReplaceAll(strings.ReplaceAll(line, "oN", fmt.Sprint("o", i)), "sN", fmt.Sprint("s", i))
		line = strings.ReplaceAll(line, `"o"`, fmt.Sprintf(`"o%d"`, i))
		if format == interpolate.FormatDotenv {
			b.WriteString(strings.ReplaceAll(line, "K", strings.ToUpper(key)))
		} else {
			b.WriteString(regexp.MustCompile(`\bK\b`).ReplaceAllString(line, key))
		}
		around[key] = [2]string{style.before, style.after}
		if strings.Contains(style.line, "---\n") { // the next keys are in another mapping
			b.WriteString("---\n")
			clear(nested)
		}
	}
	switch format {
	case interpolate.FormatJSON:
		return "{" + b.String() + "\"end\": null}\n", around
	case interpolate.FormatJSONC:
		return "// c\n{" + b.String() + "}\n", around
	case interpolate.FormatXML:
		return "<?xml version=\"1.0\"?>\n<r>\n" + b.String() + "</r>\n", around
	case interpolate.FormatINI:
		return "[main]\n" + b.String(), around
	}
	return b.String(), around
}

// corpus renders the files of the corpus. A format that cannot hold a value takes a plain one.
func corpus(t *testing.T) []corpusFile {
	t.Helper()
	random := rand.New(rand.NewPCG(10, 3000))
	var formats []interpolate.Format
	for _, s := range corpusShares {
		for range s.share {
			formats = append(formats, s.format)
		}
	}
	out, plain := make([]corpusFile, 0, corpusFiles), 0
	for i := range corpusFiles {
		format := formats[i%len(formats)]
		text, around := corpusText(format, random)
		value := trickyValues[random.IntN(len(trickyValues))]
		rendered, err := renderAs(t, format, withCalls(text), value)
		if err != nil {
			plain++
			value = fmt.Sprintf("plain%d", i)
			rendered, err = renderAs(t, format, withCalls(text), value)
		}
		if err != nil {
			t.Fatalf("%s: %v in\n%s", format, err, text)
		}
		f := corpusFile{Format: format, Text: rendered, want: map[string]string{}}
		for key, a := range around {
			f.want[key] = a[0] + value + a[1]
		}
		out = append(out, f)
	}
	if plain > corpusFiles/5 {
		t.Errorf("%d of %d files could not hold their value", plain, corpusFiles)
	}
	return out
}

func TestReadersOfTheCorpus(t *testing.T) {
	files := corpus(t)
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	for _, f := range files {
		if err := encoder.Encode(f); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("go", func(t *testing.T) {
		t.Parallel()
		for i := range files {
			files[i].compare(t, i, readCorpusByGo(t, files[i].Format, files[i].Text))
		}
	})
	folder, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("python", func(t *testing.T) {
		t.Parallel()
		needsReader(t, "Python 3.11 with PyYAML", "install python3-yaml", "python3", "-c", "import yaml, tomllib")
		readCorpus(t, files, lines.Bytes(), "python3", filepath.Join(folder, "corpus.py"))
	})
	t.Run("javascript", func(t *testing.T) {
		t.Parallel()
		modules := filepath.Join(folder, "parsers", "node_modules")
		needsReader(t, "Node.js with the package yaml", "install nodejs, and run npm ci in interpolate/testdata/parsers",
			"node", "-e", "require('"+filepath.Join(modules, "yaml")+"')")
		readCorpus(t, files, lines.Bytes(), "node", filepath.Join(folder, "corpus.mjs"), modules+"/")
	})
	t.Run("java", func(t *testing.T) {
		t.Parallel()
		needsReader(t, "Java 17", "install default-jdk-headless", "java", "-version")
		readCorpusByJava(t, files)
	})
}

// compare compares what a reader saw. Nil means that it does not know the format.
func (f *corpusFile) compare(t *testing.T, i int, got map[string]string) {
	t.Helper()
	if got != nil && !reflect.DeepEqual(got, f.want) {
		t.Errorf("file %d, %s:\n%s\nread as %q\nwant %q", i, f.Format, f.Text, got, f.want)
	}
}

// readCorpus compares the answer of one process, with a line for each file.
func readCorpus(t *testing.T, files []corpusFile, in []byte, command string, args ...string) {
	cmd := exec.CommandContext(t.Context(), command, args...)
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	i, known := 0, 0
	for line := range bytes.Lines(out) {
		var got map[string]string
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("file %d: %v: %s", i, err, line)
		}
		if got != nil {
			known++
		}
		files[i].compare(t, i, got)
		i++
	}
	if i != len(files) || known < corpusFiles/2 {
		t.Errorf("%d of %d files were read, %d of them in a known format", i, len(files), known)
	}
}

func readCorpusByJava(t *testing.T, files []corpusFile) {
	folder := t.TempDir()
	for i, f := range files {
		if f.Format == interpolate.FormatProperties || f.Format == interpolate.FormatXML {
			name := filepath.Join(folder, fmt.Sprintf("%d.%s", i, f.Format))
			if err := os.WriteFile(name, []byte(f.Text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	args := []string{"testdata/java/Corpus.java", folder, fmt.Sprint(len(files))}
	out, err := exec.CommandContext(t.Context(), "java", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(files) {
		t.Fatalf("%d lines", len(lines))
	}
	for i, line := range lines {
		if f := &files[i]; f.Format == interpolate.FormatProperties || f.Format == interpolate.FormatXML {
			got := map[string]string{}
			for _, pair := range strings.Fields(line) {
				key, value, _ := strings.Cut(pair, "=")
				k, _ := hex.DecodeString(key)
				v, _ := hex.DecodeString(value)
				if isCorpusKey(string(k)) {
					got[string(k)] = string(v)
				}
			}
			f.compare(t, i, got)
		}
	}
}

var corpusKey = regexp.MustCompile(`^k\d+$`)

func isCorpusKey(key string) bool { return corpusKey.MatchString(key) }

// readCorpusByGo reads a file with the libraries of Go. It returns nil for formats that only the others
// read. The library of properties misreads characters of two escapes.
func readCorpusByGo(t *testing.T, format interpolate.Format, text string) map[string]string {
	t.Helper()
	trees, err := corpusTrees(format, text)
	if err != nil {
		t.Errorf("%s: %v\n%s", format, err, text)
	}
	if trees == nil {
		return nil
	}
	out := map[string]string{}
	for _, tree := range trees {
		collectCorpus(t, tree, out)
	}
	return out
}

func corpusTrees(format interpolate.Format, text string) ([]any, error) {
	switch format {
	case interpolate.FormatYAML:
		var out []any
		roots, err := parseAll([]byte(text))
		for _, r := range roots {
			var tree any
			if err := r.Decode(&tree); err != nil {
				return nil, err
			}
			out = append(out, tree)
		}
		return out, err
	case interpolate.FormatJSON, interpolate.FormatJSONC:
		plain, err := hujson.Standardize([]byte(text))
		if err != nil {
			return nil, err
		}
		var tree any
		err = json.Unmarshal(plain, &tree)
		return []any{tree}, err
	case interpolate.FormatTOML:
		var tree map[string]any
		err := toml.Unmarshal([]byte(text), &tree)
		return []any{tree}, err
	case interpolate.FormatINI:
		tree, err := readINIByLibrary(text)
		return []any{tree}, err
	case interpolate.FormatHCL:
		tree, err := readHCLByLibrary(text)
		return []any{tree}, err
	}
	return nil, nil
}

func collectCorpus(t *testing.T, tree any, out map[string]string) {
	switch tree := tree.(type) {
	case []any:
		for _, e := range tree {
			collectCorpus(t, e, out)
		}
	case map[string]any:
		for key, e := range tree {
			text, isText := e.(string)
			switch {
			case isCorpusKey(key):
				out[key] = text
			case isText && interpolate.IsConfigurationFile(key):
				inner, err := corpusTrees(interpolate.FormatOf(key), text)
				if err != nil {
					t.Error(err)
				}
				collectCorpus(t, inner, out)
			default:
				collectCorpus(t, e, out)
			}
		}
	}
}
