// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// readDotenv returns the variables of each text.
type readDotenv func(t *testing.T, texts []string) []map[string]string

// dotenvReaders are the readers of dotenv files that can be installed here. Each one reads several texts, and returns
// the variables of each text.
var dotenvReaders = map[string]struct {
	present []string // a command that succeeds if the reader is installed; nil for a library
	read    readDotenv
}{
	"Docker Compose": {nil, func(t *testing.T, texts []string) (out []map[string]string) {
		for _, text := range texts {
			read, err := dotenv.ParseWithLookup(strings.NewReader(text),
				func(string) (string, bool) { return "", true })
			if err != nil {
				t.Error(err)
			}
			out = append(out, read)
		}
		return out
	}},
	"bash": {[]string{"bash", "-c", "true"}, func(t *testing.T, texts []string) (out []map[string]string) {
		dir := t.TempDir()
		for i, text := range texts {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%06d", i)), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		// PATH is empty, so that no command of a file runs. Each file gets its own shell.
		c := exec.CommandContext(t.Context(), "bash", "-c", `cd "$0"; PATH=/none; before=$(compgen -v)
known=" ${before//$'\n'/ } before known file names name _ FUNCNAME PIPESTATUS"
known+=" BASH_ARGC BASH_ARGV BASH_LINENO BASH_SOURCE BASH_REMATCH "
for file in *; do (
	. ./$file
	compgen -v > "$1"; mapfile -t names < "$1"
	for name in "${names[@]}"; do [[ $known = *" $name "* ]] || printf '%s=%s\0' $name "${!name}"; done
) 2>/dev/null; printf '\0'; done`, dir, filepath.Join(t.TempDir(), "names"))
		c.Env = []string{}
		answer, err := c.Output()
		if err != nil {
			t.Error(err)
		}
		read := map[string]string{}
		for pair := range strings.SplitSeq(strings.TrimSuffix(string(answer), "\x00"), "\x00") {
			if name, value, found := strings.Cut(pair, "="); found {
				read[name] = value
				continue
			}
			out, read = append(out, read), map[string]string{}
		}
		return out
	}},
	"Node.js": {[]string{"node", "-e", "require('node:util').parseEnv.call"},
		func(t *testing.T, texts []string) (out []map[string]string) {
			readBy(t, &out, texts, "node", "-e", `const texts = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(texts.map((t) => require("node:util").parseEnv(t))))`)
			return out
		}},
	"python-dotenv": {[]string{"python3", "-c", "import dotenv"},
		func(t *testing.T, texts []string) (out []map[string]string) {
			readBy(t, &out, texts, "python3", "-c", `import sys, io, json, dotenv
json.dump([dotenv.dotenv_values(stream=io.StringIO(t, newline=None)) for t in json.load(sys.stdin)], sys.stdout)`)
			return out
		}},
}

// withDotenvReaders runs a subtest with each reader that is installed.
func withDotenvReaders(t *testing.T, test func(t *testing.T, name string, read readDotenv)) {
	for name, reader := range dotenvReaders {
		t.Run(name, func(t *testing.T) {
			if reader.present != nil {
				needsReader(t, name, "see .ci/run", reader.present...)
			}
			test(t, name, reader.read)
		})
	}
}

// TestReadersOfDotenvAgree renders texts and values of random pieces. Every reader must see the value at the position
// of the reference, and must see no other change.
func TestReadersOfDotenvAgree(t *testing.T) {
	pieces := strings.Split(
		"CALL|CALL|'CALL'|\"CALL\"|'|\"|`|\\|$|{|}|(|)|x| |#|\n|=|~|:|;|HOME|-|a b|A=|\nB=|\nC='|\nD=\"|\t|é|<|&|!|*",
		"|")
	values := []string{"x", "it's", "a b", `a"b`, "$x", "${x}", "}", "{x}", "-y", ":-z}", "`id`", "$(id)", `\`, `\n`,
		"n", "a\nB2=1", "#", " # x", "'\nZ=1\n'", "\"\nZ=1\n\"", "",
		"=", "~", "/root", `a\'b`, `x\"`, "\n", "; id", "é"}
	random := rand.New(rand.NewPCG(1, 2))
	var texts, before, after, filled []string
	for len(texts) < 500 {
		text := "A="
		for range 1 + random.IntN(9) {
			text += pieces[random.IntN(len(pieces))]
		}
		value := values[random.IntN(len(values))]
		out, err := renderAs(t, interpolate.FormatDotenv, strings.ReplaceAll(text, "CALL", secretCall), value)
		if err != nil || !strings.Contains(text, "CALL") || strings.Contains(out, "{{") {
			continue // an error, or the reference is in a comment
		}
		texts, filled, after = append(texts, text), append(filled, value), append(after, out)
		before = append(before, strings.ReplaceAll(text, "CALL", placeholder))
	}
	withDotenvReaders(t, func(t *testing.T, name string, read readDotenv) {
		was, is := read(t, before), read(t, after)
		for i, want := range was {
			// Without quotes, bash takes text after a blank as a command, and Node.js takes a tab as a part of
			// the value. With quotes, they do not.
			if name == "bash" && strings.ContainsAny(texts[i], " \t") ||
				name == "Node.js" && strings.Contains(texts[i], "\t") {
				continue
			}
			for k := range want {
				want[k] = strings.ReplaceAll(want[k], placeholder, filled[i])
			}
			if !maps.Equal(want, is[i]) {
				t.Errorf("%q with %q is %q:\nread %q\nwant %q", texts[i], filled[i], after[i], is[i], want)
			}
		}
	})
}
