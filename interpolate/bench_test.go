// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// document returns a file with n references, a tenth of them in block scalars. Four lines without a reference
// surround each.
func document(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "service_%d:\n  host: db-%d.internal # the primary\n  port: 5432\n  options: [a, 'b', \"c\"]\n",
			i, i)
		if i%10 == 0 {
			fmt.Fprintf(&b, "  password: |-\n    {{ get_secret_value('secret_%d') }}\n", i)
		} else {
			fmt.Fprintf(&b, "  password: \"{{ get_secret_value('secret_%d') }}\"\n", i)
		}
	}
	return b.Bytes()
}

func BenchmarkRender(b *testing.B) {
	for _, n := range []int{10, 100, 1_000, 10_000} {
		b.Run(fmt.Sprintf("references=%d", n), func(b *testing.B) {
			r := &resolver{secrets: map[string]string{}}
			for i := range n {
				r.secrets[fmt.Sprintf("dev/secret_%d", i)] = "correct horse: battery # staple"
			}
			files := []interpolate.File{{Name: "f.yaml", Data: document(n)}}
			b.SetBytes(int64(len(files[0].Data)))
			b.ReportAllocs()
			for b.Loop() {
				r.asked = r.asked[:0]
				if _, err := interpolate.Render(b.Context(), r, files, devOptions()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// passThrough lists parts of files without references. A file repeats one part.
var passThrough = map[string]string{
	"text":     "key: some value without a reference # and a comment\n",
	"foreign":  "key: some value for {{ .Values.somebody }} # and a comment\n",
	"flow":     "{\"key\": {\"a\": {\"b\": [1, 2, {\"c\": null}]}}},\n",
	"unclosed": "key: {{ some value that nobody closes and a comment\n",
	"yaml": "  my_value: plain\n  - name: web # get_values (foreign)\n    args: [--port, \"8080\"]\n    env:\n    " +
		"  - {name: A, value: b}\n" +
		"    description: |\n      Some text (in parentheses), which goes on\n      for a line or two.\n",
	"helm": "apiVersion: v1\nmetadata:\n  name: {{ include \"chart.fullname\" . }}\n  labels:\n    {{- include " +
		"\"chart.labels\" . | nindent 4 }}\n" +
		"{{- with .Values.annotations }}\n  annotations: {{ toYaml . | nindent 4 }}\n{{- end }}\n  {{- if (and " +
		".Values.a (not .Values.b)) }}\n" +
		"  image: \"{{ .Values.image.repository }}:{{ default .Chart.AppVersion (.Values.image.tag) }}\"\n  {{- end " +
		"}}\n",
	"github": "    - uses: actions/checkout@v4\n      if: ${{ github.event_name == 'push' && !contains(github.ref, " +
		"'skip') }}\n" +
		"      env:\n        my_var: ${{ secrets.TOKEN }}\n        KEY: ${{ hashFiles('**/go.sum') }}\n      run: " +
		"echo \"${{ matrix.os }}\"\n",
	"minified json": "{\"id\":12345,\"name\":\"some name\",\"a_value\":[1,2,{\"b\":{\"c\":{}}}],\"text\":\"see " +
		"(this)\"},",
}

// BenchmarkPassThrough renders 64 MiB without references. It fails if a file passes at less than 1 GB in a second on
// one processor. It counts the time on processors: the clock on the wall also measures the other programs of the
// machine.
func BenchmarkPassThrough(b *testing.B) {
	for name, part := range passThrough {
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			files := []interpolate.File{{Name: "f.yaml", Data: bytes.Repeat([]byte(part), (64<<20)/len(part))}}
			b.SetBytes(int64(len(files[0].Data)))
			start := processorTime(b)
			for b.Loop() {
				if _, err := interpolate.Render(b.Context(), nil, files, devOptions()); err != nil {
					b.Fatal(err)
				}
			}
			used := processorTime(b) - start
			rate := float64(len(files[0].Data)) * float64(b.N) / used.Seconds() / 1e9
			b.ReportMetric(rate, "GB/cpu-s")
			if rate < 1 {
				b.Errorf("%.2f GB/s, want at least 1", rate)
			}
		})
	}
}

// BenchmarkLongLine renders 10,000 references on a single line.
func BenchmarkLongLine(b *testing.B) {
	r := &resolver{secrets: map[string]string{"dev/s": "x"}}
	files := []interpolate.File{
		{Name: "f.yaml", Data: []byte("[" + string(bytes.Repeat([]byte("é, {{ get_secret_value('s') }}, "), 10_000)) + "]")}}
	b.SetBytes(int64(len(files[0].Data)))
	for b.Loop() {
		if _, err := interpolate.Render(b.Context(), r, files, devOptions()); err != nil {
			b.Fatal(err)
		}
	}
}
