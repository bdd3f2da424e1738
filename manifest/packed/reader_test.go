package packed_test

import (
	"encoding/binary"
	"math"
	"testing"

	"assetsync/manifest/packed"
)

func TestReader(t *testing.T) {
	data := binary.AppendUvarint(nil, 2)
	data = append(data, "ab"...)
	data = binary.AppendVarint(data, math.MinInt64)
	data = binary.AppendUvarint(data, math.MaxUint64)

	whole := packed.Reader{Rest: data}
	if text, n, u := string(whole.Bytes(whole.Uvarint())), whole.Varint(), whole.Uvarint(); text != "ab" || n != math.MinInt64 || u != math.MaxUint64 || whole.Failed || len(whole.Rest) > 0 {
		t.Errorf("%q, %d, %d, failed %t, %d left", text, n, u, whole.Failed, len(whole.Rest))
	}
	for n := range data {
		short := packed.Reader{Rest: data[:n]}
		short.Bytes(short.Uvarint())
		short.Varint()
		short.Uvarint()
		if !short.Failed {
			t.Errorf("%d bytes of %d are enough", n, len(data))
		}
	}
	long := packed.Reader{Rest: []byte("ab")}
	if got := long.Bytes(math.MaxUint64); got != nil || !long.Failed || long.Bytes(1) != nil {
		t.Errorf("%q is read, failed %t: nothing is there after what is wrong", got, long.Failed)
	}
}
