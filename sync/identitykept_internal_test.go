package sync

import "testing"

// TestKeptAnswer believes what was kept for the very question, and nothing else.
func TestKeptAnswer(t *testing.T) {
	for _, answer := range []string{"", "a-name"} {
		data := keptAnswer("who", answer)
		if got, ok := answerTo("who", data); !ok || got != answer {
			t.Errorf("%q, %t; want %q", got, ok, answer)
		}
		if _, ok := answerTo("what", data); ok {
			t.Error("the answer to another question is believed")
		}
		for i := range data {
			damaged := append([]byte(nil), data...)
			damaged[i] ^= 0x20
			_, changed := answerTo("who", damaged)
			_, cut := answerTo("who", data[:i])
			if changed || cut {
				t.Errorf("damage at byte %d is believed", i)
			}
		}
	}
}
