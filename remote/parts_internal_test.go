package remote

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// FuzzDecodePart holds decodePart to decode.
func FuzzDecodePart(f *testing.F) {
	for _, text := range []string{
		`{}`, `[]`, `null`, `"a"`, `1`, `{"assetId":"a","version":1}`, `{"assetId":"a","assetId":null}`, `{"assetId":1,"assetId":"b"}`,
		` { "assetId" : "a\"}" , "metadata" : { "a" : [ 1 , "]" , {} ] } , "version":2 } `, `{"asset\u0049d":"a"}`, `{"version":1.5,"createdAt":1}`,
		`{"createdAt":1e3,"updatedAt":-1.25,"metadata":[]}`, `{"assetId":"\ud800"}`, `{"x":[[],{}],"metadata":{}}`, "{\"assetId\"\n:\t\"é\"\r}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		data = bytes.TrimSpace(data)
		if !json.Valid(data) || !utf8.Valid(data) {
			t.Skip()
		}
		var got, want Asset
		gotErr, wantErr := decodePart(data, got.fields()), decode(data, want.fields())
		if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) || wantErr == nil && !cmp.Equal(got, want) {
			t.Errorf("%s\ngot  %+v, %v\nwant %+v, %v", data, got, gotErr, want, wantErr)
		}
		var items []json.RawMessage
		if data[0] != '[' || json.Unmarshal(data, &items) != nil {
			return
		}
		n := 0
		for item := range listItems(data) {
			if string(item) != string(items[n]) {
				t.Errorf("item %d of %s is %s, want %s", n, data, item, items[n])
			}
			n++
		}
		if n != len(items) {
			t.Errorf("%d items of %s, want %d", n, data, len(items))
		}
	})
}
