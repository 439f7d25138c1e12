// SPDX-License-Identifier: MPL-2.0

package mask

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
)

// manySecrets returns values of 32 letters and digits.
func manySecrets(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = (rand.Text() + rand.Text())[:32]
	}
	return out
}

// outputs are what programs print: a log, JSON in JSON with many escapes, base64 in lines, and random bytes.
func outputs() map[string][]byte {
	var log, nested, encoded strings.Builder
	for i := 0; log.Len() < 1<<20; i++ {
		fmt.Fprintf(&log, "2026-11-26T10:11:12.%06dZ INFO loader: read 12%% of table=%s in %dms\n", i, rand.Text()[:9], i%77)
		inner, _ := json.Marshal(map[string]any{"message": "it's \"done\"", "path": "C:\\temp", "id": rand.Text()})
		line, _ := json.Marshal(map[string]any{"level": "info", "body": string(inner), "n": i})
		nested.Write(append(line, '\n'))
	}
	random := make([]byte, 1<<20)
	_, _ = rand.Read(random)
	for text := base64.StdEncoding.EncodeToString(random); len(text) > 76; text = text[76:] {
		encoded.WriteString(text[:76] + "\n")
	}
	return map[string][]byte{
		"log": []byte(log.String()), "json": []byte(nested.String()), "base64": []byte(encoded.String()), "random": random,
	}
}

// BenchmarkMask masks 1,000 secrets with 32 bytes in 1 MiB of output.
func BenchmarkMask(b *testing.B) { benchmarkMask(b, manySecrets(1000)) }

// BenchmarkMaskSigns masks secrets with signs as well. They need all decoders.
func BenchmarkMaskSigns(b *testing.B) {
	benchmarkMask(b, append(manySecrets(1000),
		"-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDabcdefghijklmnop\n-----END KEY-----\n",
		`{"username":"loader","password":"p@ss\"w0rd$%'é","url":"postgres://a:b%20@c/x y"}`,
		`it's a "secret" $HOME 100%`))
}

func benchmarkMask(b *testing.B, secrets []string) {
	set := New(secrets)
	for name, output := range outputs() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(output)))
			for b.Loop() {
				w := set.Writer(io.Discard)
				_, _ = w.Write(output)
				_ = w.Close()
			}
		})
	}
}

// BenchmarkNew prepares the search for 1,000 secrets with 32 bytes.
func BenchmarkNew(b *testing.B) {
	values := manySecrets(1000)
	b.ReportAllocs()
	for b.Loop() {
		New(values)
	}
}
