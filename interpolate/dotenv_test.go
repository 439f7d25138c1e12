// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// TestReadersOfDotenvSeeEveryValue writes values at every position of a file. Either all readers read the value, or
// it is an error.
func TestReadersOfDotenvSeeEveryValue(t *testing.T) {
	const call = "{{ get_secret_value('s') }}"
	lines := []struct{ text, name, want string }{
		{"BARE=" + call + "\n", "BARE", "VALUE"}, {"SINGLE='{{ get_secret_value(\"s\") }}'\n", "SINGLE", "VALUE"},
		{"DOUBLE=\"{{ get_secret_value(\"s\") }}\" # c\n", "DOUBLE", "VALUE"},
		{"  export IN_BARE=x" + call + "y # " + call + "\n", "IN_BARE", "xVALUEy"},
		{"IN_SINGLE='a $b {" + call + "\n\"" + call + "'\n", "IN_SINGLE", "a $b {VALUE\n\"VALUE"},
		{"IN_DOUBLE=\"'" + call + "\n" + call + "\"\n", "IN_DOUBLE", "'VALUE\nVALUE"},
		{"FOREIGN='{{ .Values.x }}" + call + "'\n", "FOREIGN", "{{ .Values.x }}VALUE"},
		{"\n# " + call + "\nURI=pouncet://-/-/s\n", "URI", "VALUE"},
		{"SAY='see pouncet://-/-/s'\nBRACES='${" + call + "'\n", "BRACES", "${VALUE"},
	}
	var texts []string
	var wants []map[string]string
	written := 0
	for _, value := range trickyValues {
		value = value[:min(len(value), 50_000)] // an environment cannot hold more
		var text strings.Builder
		want := map[string]string{}
		for _, line := range lines {
			out, err := renderAs(t, interpolate.FormatDotenv, line.text, value)
			if line.name == "FOREIGN" && isRefusedTemplate(t, value, err) {
				continue
			}
			if err != nil {
				if message := err.Error(); !strings.Contains(message, "readers of dotenv files") &&
					!strings.Contains(message, "NUL") || len(value) > 4 && strings.Contains(message, value) {
					t.Errorf("%.40q: %.300v", value, err)
				}
				continue
			}
			written++
			text.WriteString(out)
			want[line.name] = strings.ReplaceAll(line.want, "VALUE", value)
			if strings.HasPrefix(line.text, "SAY") {
				want["SAY"] = "see pouncet://-/-/s"
			}
		}
		texts, wants = append(texts, text.String()), append(wants, want)
	}
	if all := len(trickyValues) * len(lines); written < all*3/4 {
		t.Errorf("only %d of %d values were written", written, all)
	}
	withDotenvReaders(t, func(t *testing.T, _ string, read readDotenv) {
		for i, got := range read(t, texts) {
			if !maps.Equal(got, wants[i]) {
				t.Errorf("%.40q in\n%.900s\nread %.900q\nwant %.900q", trickyValues[i], texts[i], got, wants[i])
			}
		}
	})
}

// TestDotenvChoosesQuotes checks the quoting style for each value, and the errors.
func TestDotenvChoosesQuotes(t *testing.T) {
	const refused, beside, ends = "read differently in every quoting style",
		"disagree on the text next to the reference", "readers disagree on where this value ends"
	for _, c := range []struct{ text, value, want string }{
		{"A=CALL", "p4ss/w+x=", "A=p4ss/w+x="}, {"A='CALL'", "word", "A='word'"},
		{"A=CALL # c\r\n", "", "A='' # c\r\n"},
		{"A=CALL", "a b", "A='a b'"}, {"A=CALL", "~", "A='~'"}, {"A=CALL", `a\nb`, `A='a\nb'`},
		{"A=\"CALL\"", "$x", "A='$x'"},
		{"A=CALL", "it's", `A="it's"`}, {"A='CALL'", "it's", `A="it's"`}, {"A=CALL", "it's\n#5", "A=\"it's\n#5\""},
		{"A=CALL", `it's "so"`, refused}, {"A=CALL", `it's $5`, refused}, {"A=CALL", "it's `x`", refused},
		{"A=CALL", `\\srv`, refused}, {"A=CALL", `C:\`, refused},
		{"A='CALL'", "${HOME}", refused}, {"A=CALL", "a\r\nb", refused}, {"A='${CALL'", "x}", refused},
		{"A=CALL", "a\x00", "NUL"},
		{"A=\"$HOME/CALL\"", "x", "A=\"$HOME/x\""}, {"A=${HOME}/CALL", "x", "A=${HOME}/x"},
		{"A=\"$HOME CALL\"", "$x", beside}, {"A=\"$HOMECALL\"", "x", beside}, {"A=${CALL", "x", ends},
		{"A=\"${HOME:-CALL}\"", "x", beside}, {"A=\"\\CALL\"", "x", beside}, {"A=\"\\\"CALL\\\"\"", "x", beside},
		{"A=a;b=CALL", "a b", beside}, {"A=a\"b\"CALL", "'", beside},
		{"A='x\\'\nB='CALL'", "x", ends}, {"A='x\\'y'\nB=CALL", "x", ends}, {"A=\"x\\\\\"\nB=CALL", "x", ends},
		{"A=\"\\\"\n\"\nB=CALL", "x", ends}, {"A=it's\nB=CALL", "x", ends},
		{"A=`x\nB=CALL", "x", ends}, {"A=<<E\nB=CALL", "x", ends}, {"A=x\\\nB=CALL", "x", ends},
		{"A=(\nB=CALL", "x", ends}, {"A=\"$(\"\nB=CALL", "x", ends},
		{"A=\"\\\"x\\\"\"\nB=CALL", "x", "A=\"\\\"x\\\"\"\nB=x"}, {"A='CALL", "x", "the closing quote is missing"},
		{"A='CALL'x", "x", "does not have the form"}, {"A='CALL'#x", "x", "does not have the form"},
		{"ls CALL", "x", "does not have the form"}, {"A: CALL", "x", "does not have the form"},
		{"CALL=1", "x", "a key cannot hold a reference"}, {"XCALL", "x", "a key cannot hold a reference"},
		{"A={{ get_secret_value('s') | int }}", "042", "A=42"},
		{"A='{{ get_secret_value(\"s\") | bool }}' # c", "yes", "A=true # c"},
		{"A={{ get_value('n', default=none) }}", "", "have no null"},
		{"A=a CALL", "reboot", "A='a reboot'"}, {"A=u?a&CALL", "reboot", beside}, {"A=x (CALL)", "reboot", beside},
		{"A= #CALL", "x", beside}, {"A=x\t# CALL", "x", beside},
		{"A=\tCALL", "x", "the tab before this value"}, {"A=x\u00a0CALL", "a b", beside},
		{"A=CALL\n" + strings.Repeat("#\n", 500_000), "x", "A=x\n" + strings.Repeat("#\n", 500_000)},
		{"A=CALL\n" + strings.Repeat("#\n", 600_000), "x", "larger than 1 MiB"},
		{"\ufeffA=CALL", "x", "\ufeffA=x"}, {"A=CALL\nA=2\nexport B\nC\n", "x", "A=x\nA=2\nexport B\nC\n"},
		{"A=$(id)\nB=CALL", "x", "A=$(id)\nB=x"},
	} {
		text := strings.ReplaceAll(c.text, "CALL", secretCall)
		got, err := renderAs(t, interpolate.FormatDotenv, text, c.value)
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%.900q with %q:\n got %.900q\nwant %.900q", text, c.value, got, c.want)
		}
	}
}

// TestParseVariablesReadsEveryValue checks that a file of FormatVariables holds every value except NUL.
func TestParseVariablesReadsEveryValue(t *testing.T) {
	const text = "A=CALL\nexport B='CALL' # CALL\nC=\"$HOME${N:-n}CALL\\$\"\nD='a\"$x CALL'\nE=\nF\nA2=xCALL"
	for _, value := range trickyValues {
		out, err := renderAs(t, interpolate.FormatVariables, strings.ReplaceAll(text, "CALL", secretCall), value)
		if strings.Contains(value, "\x00") {
			if err == nil {
				t.Error("a value with NUL is not refused")
			}
			continue
		}
		if err != nil {
			t.Errorf("%.40q: %v", value, err)
			continue
		}
		got, err := interpolate.ParseVariables(interpolate.File{Data: []byte(out)},
			func(name string) (string, bool) { return "/$h", name == "HOME" })
		want := []interpolate.Variable{{"A", value}, {"B", value}, {"C", "/$hn" + value + "$"}, {"D", `a"$x ` + value},
			{"E", ""}, {"A2", "x" + value}}
		if err != nil || len(got) != len(want) {
			t.Fatalf("%.40q: %v %v", value, got, err)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%.40q: %.80q, want %.80q in\n%.400s", value, got[i], want[i], out)
			}
		}
	}
}

// An expansion that fails is reported at its statement, with the names of the variables and without a value.
func TestParseVariablesNamesTheVariableThatCannotBeExpanded(t *testing.T) {
	const required = `variable "X" requires variable "Y", which is not set or is empty`
	for _, c := range []struct{ text, position, want string }{
		{"A=1\n# Y\nX=\"p ${Y:?CANARY} q\"\nB=2", "f.env:3:1", required},
		{"A=$A0\nexport X=${Y?CANARY}\nB=${Y:?CANARY}", "f.env:2:8", required},
		{"A='${Y:?CANARY}'\nB=${EMPTY-${Y?CANARY}}\nX=${Y?CANARY}", "f.env:3:1", required},
		{"Y=\nX=${Z:-${Y:?CANARY}}", "f.env:2:1", required},
		{"B=\"CANARY\n2\"\nX=${Y:-CANARY\nC=$", "f.env:3:1", `variable "X" has an expansion that is not valid`},
	} {
		_, err := interpolate.ParseVariables(interpolate.File{Name: "f.env", Data: []byte(c.text)},
			func(name string) (string, bool) { return "", name == "EMPTY" })
		var problems interpolate.Problems
		if !errors.As(err, &problems) || len(problems) != 1 {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if got := problems[0].Pos.String(); got != c.position {
			t.Errorf("%q: the problem is at %s, want %s", c.text, got, c.position)
		}
		if got := err.Error(); !strings.Contains(got, c.want) || strings.Contains(got, "CANARY") {
			t.Errorf("%q: %s", c.text, got)
		}
	}
}
