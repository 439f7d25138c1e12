// SPDX-License-Identifier: MPL-2.0

package mask

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// programs print their arguments, or a JSON array, in several forms. Each text is three strings that end with NUL: the
// name of the form, the number of the argument, and the text.
var programs = map[string][]string{
	"python3": {"-c", `
import sys, json, base64, shlex, html, urllib.parse, csv, io, textwrap, quopri
for i, v in enumerate(sys.argv[1:]):
    b = v.encode()
    w = io.StringIO(); csv.writer(w).writerow([v])
    forms = {
        "json.dumps": json.dumps(v), "json.dumps, UTF-8": json.dumps(v, ensure_ascii=False),
        "json.dumps twice": json.dumps(json.dumps(v)), "json.dumps, indented": json.dumps([v], indent=4),
        "repr": repr(v), "ascii": ascii(v), "repr of bytes": repr(b), "csv": w.getvalue(),
        "quote": urllib.parse.quote(v), "quote, all": urllib.parse.quote(v, safe=""),
        "quote_plus": urllib.parse.quote_plus(v), "urlencode": urllib.parse.urlencode({"": v}),
        "encodebytes": base64.encodebytes(b).decode(), "b64encode": base64.b64encode(b).decode(),
        "urlsafe": base64.urlsafe_b64encode(b).decode(), "json of base64": json.dumps(base64.encodebytes(b).decode()),
        "shlex": shlex.quote(v), "html": html.escape(v), "hex": b.hex(),
    }
    try:
        import yaml
        forms["yaml"] = yaml.dump({"k": v})
        if len(v.splitlines()) == len(v.split("\n")): # PyYAML adds white space after other line breaks
            forms["yaml, UTF-8"] = yaml.dump({"a": {"k": v}}, allow_unicode=True)
        forms["yaml, quoted"] = yaml.dump([v], default_style='"')
        forms["yaml, block"] = yaml.dump([v], default_style='|')
    except ImportError:
        pass
    for name, text in forms.items():
        print(name, i, text, sep="\0", end="\0")
`},
	"bash": {"-c", `
i=0
for V in "$@"; do
    printf 'printf %%q\0%s\0%q\0' $i "$V"
    printf '@Q\0%s\0%s\0' $i "${V@Q}"
    text=$(declare -p V; printf .)
    printf 'declare -p\0%s\0%s\0' $i "${text#declare -- V=}"
    if ((i < 8)); then
        form() { printf '%s\0%s\0' "$1" $i; cat; printf '\0'; }
        printf %s "$V" | base64 | form base64
        printf '%s\n' "$V" | base64 -w 64 | form 'base64 -w 64'
        printf %s "$V" | od -An -v -tx1 | tr -d ' ' | form 'od without spaces'
        printf %s "$V" | xxd -p | form 'xxd -p'
    fi
    i=$((i+1))
done
`, "bash"},
	"node": {"-e", `
process.argv.slice(1).forEach((v, i) => {
    const forms = {
        "JSON.stringify": JSON.stringify(v), "encodeURIComponent": encodeURIComponent(v), "encodeURI": encodeURI(v),
        "inspect": require("util").inspect(v, {breakLength: Infinity}), "querystring": require("querystring").escape(v),
        "URLSearchParams": new URLSearchParams({"": v}).toString(), "hex": Buffer.from(v).toString("hex"),
        "base64": Buffer.from(v).toString("base64"), "base64url": Buffer.from(v).toString("base64url"),
    }
    for (const name in forms) process.stdout.write(name + "\0" + i + "\0" + forms[name] + "\0")
})
`, "--"},
	"jq": {"-j", `to_entries[] | .key as $i | .value |
    {"@json": @json, "@text": @text, "@csv": ([.] | @csv), "@tsv": ([.] | @tsv), "@html": @html, "@uri": @uri,
     "@sh": @sh,
     "@base64": @base64, "tojson twice": (tojson | tojson)} | to_entries[] |
    .key + "\u0000" + ($i | tostring) + "\u0000" + .value + "\u0000"`},
	"perl": {"-e", `
use MIME::Base64;
my $i = 0;
for my $v (@ARGV) {
    (my $uri = $v) =~ s/([^A-Za-z0-9])/sprintf("%%%02X", ord($1))/ge;
    print "base64\0$i\0", encode_base64($v), "\0hex\0$i\0", unpack("H*", $v), "\0uri\0$i\0$uri\0";
    $i++;
}
`},
}

// frame matches what programs print around a masked value, and between its lines: quotes, line breaks, and in YAML the
// name and the style. In base64, the newline that a program adds follows.
var frame = regexp.MustCompile("^(?:=|b|\\$|\\[|- |k: |a:\n  k: |[|>?][-+0-9]*|['\"` \n\r\\\\])*" +
	"(?:\\*{3}[A-Za-z0-9+/]{0,3}={0,2}[]'\"` \n\r.:?\\\\]*|\\.{3})+(?:n[\"\\\\n]*)?$")

// TestPrograms checks that no value passes in a form in which real programs print it.
func TestPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: runs five programs: run without -short")
	}
	r := rand.New(rand.NewPCG(3, 4))
	values := slices.Clone(awkward)
	for range 40 {
		values = append(values, randomValue(r))
	}
	sets := make([]*Set, len(values))
	for i, v := range values {
		sets[i] = New([]string{v})
	}
	for program, args := range programs {
		t.Run(program, func(t *testing.T) {
			if _, err := exec.LookPath(program); err != nil {
				t.Skipf("SKIPPED: install %s to check the forms in which it prints values", program)
			}
			// The bash and the base64 of macOS are older.
			const newer = `V=v; : "${V@Q}"; base64 -w 64 </dev/null; command -v xxd`
			if program == "bash" && exec.Command("bash", "-ec", newer).Run() != nil {
				t.Skip("SKIPPED: install bash 4.4, xxd, and a base64 with -w")
			}
			c := exec.Command(program, args...)
			if program == "jq" {
				list, _ := json.Marshal(values)
				c.Stdin = bytes.NewReader(list)
			} else {
				c.Args = append(c.Args, values...)
			}
			out, err := c.Output()
			if err != nil {
				t.Fatal(err)
			}
			fields := strings.Split(string(out), "\x00")
			if len(fields) < 3*len(values) {
				t.Fatalf("%d fields for %d values", len(fields), len(values))
			}
			failed := map[string]bool{}
			for ; len(fields) >= 3; fields = fields[3:] {
				name, text := fields[0], fields[2]
				i, err := strconv.Atoi(fields[1])
				if err != nil {
					t.Fatal(err)
				}
				got := maskedBy(sets[i], pieces(r, text)...)
				if !frame.MatchString(got) && !failed[name] {
					failed[name] = true
					t.Errorf("%s of %q:\n%q\nbecame %q", name, values[i], text, got)
				}
			}
		})
	}
}
