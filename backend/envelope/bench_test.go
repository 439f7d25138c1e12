// SPDX-License-Identifier: MPL-2.0

package envelope_test

import "testing"

const benchmarkValue = "a value of 40 bytes, as most values have" // 40 bytes

func BenchmarkSeal(b *testing.B) {
	k := newKey(b)
	value := []byte(benchmarkValue)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Seal(binding, value); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	k := newKey(b)
	sealed := seal(b, k, benchmarkValue)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Open(binding, sealed); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpenParallel measures many requests that use one key at the same time, as in a server.
func BenchmarkOpenParallel(b *testing.B) {
	k := newKey(b)
	sealed := seal(b, k, benchmarkValue)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := k.Open(binding, sealed); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkVerifyMAC(b *testing.B) {
	k := newKey(b)
	fields := make([][]byte, 12)
	for i := range fields {
		fields[i] = []byte("01890a5d-ac96-774b-bcce-b302099a8057")
	}
	mac := k.MAC(fields...)
	b.ReportAllocs()
	for b.Loop() {
		if !k.VerifyMAC(mac, fields...) {
			b.Fatal("the MAC does not verify")
		}
	}
}
