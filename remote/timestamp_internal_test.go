package remote

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestDecodePlainTime holds the short way to the one that takes all, which decides about
// what is not plain.
func TestDecodePlainTime(t *testing.T) {
	texts := []string{"", ".", "1.", ".5", "-1", "1e3", "1.5e1", "12345678901", "1.1234567891", "1 ", "+1", "0", "0.0", "9999999999.999999999", "1780000000", "1780000000.5", "1780000000.000000001"}
	r := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		texts = append(texts, fmt.Sprintf("%d.%0*d", r.IntN(1<<33), 1+r.IntN(9), r.IntN(10)), fmt.Sprint(r.IntN(1<<34)))
	}
	plain := 0
	for _, text := range texts {
		got, ok := decodePlainTime([]byte(text))
		if !ok {
			continue
		}
		plain++
		if want, err := decodeAnyTime([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %s, want %s, %v", text, got, want, err)
		}
	}
	if plain < 1500 {
		t.Errorf("%d of %d are plain", plain, len(texts))
	}
}

func BenchmarkDecodeTime(b *testing.B) {
	for name, decode := range map[string]func([]byte) error{
		"plain": func(raw []byte) error { _, err := decodeTime(raw); return err },
		"any":   func(raw []byte) error { _, err := decodeAnyTime(raw); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := decode([]byte("1780000000.123456789")); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
