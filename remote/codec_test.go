package remote

import (
	"cmp"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

func TestDecodeCreateAsset(t *testing.T) {
	tests := []struct {
		name    string
		body    string
		want    CreateAssetInput
		wantErr string
	}{
		{
			name: "file as text",
			body: `{"assetType":"skill","content":{"file":{"path":"SKILL.md","body":{"text":"# Ü\n"}}},"clientToken":"t"}`,
			want: CreateAssetInput{
				AssetType: new("skill"), ClientToken: new("t"),
				Content: &AssetContentMemberFile{AssetFileContent{Path: new("SKILL.md"), Body: &AssetFileBodyMemberText{"# Ü\n"}}},
			},
		},
		{
			name: "escapes are the same text",
			body: `{"content":{"file":{"body":{"text":"# \u00dc \ud83d\ude00 \\ud83d"}}}}`,
			want: CreateAssetInput{Content: &AssetContentMemberFile{AssetFileContent{Body: &AssetFileBodyMemberText{`# Ü 😀 \ud83d`}}}},
		},
		{
			name: "bytes and file metadata",
			body: `{"content":{"file":{"path":"a","body":{"bytes":"AP8="},"metadata":[1.10]}}}`,
			want: CreateAssetInput{Content: &AssetContentMemberFile{AssetFileContent{
				Path: new("a"), Body: &AssetFileBodyMemberBytes{[]byte{0, 255}}, Metadata: Document(`[1.10]`),
			}}},
		},
		{
			name: "zip",
			body: `{"content":{"zip":{"zipFile":"UEs="}},"metadata":{"n": 12345678901234567890.0}}`,
			want: CreateAssetInput{Content: &AssetContentMemberZip{AssetZipContent{ZipFile: []byte("PK")}}, Metadata: Document(`{"n":12345678901234567890.0}`)},
		},
		{name: "empty bytes are present", body: `{"content":{"zip":{"zipFile":""}}}`, want: CreateAssetInput{Content: &AssetContentMemberZip{AssetZipContent{ZipFile: []byte{}}}}},
		{name: "null is absent", body: `{"content":null,"metadata":null,"assetType":null}`},
		{name: "unknown members", body: `{"x":1,"AssetType":"other case","agentSpaceId":"in the path"}`},
		{name: "union member null", body: `{"content":{"file":null,"zip":{"zipFile":"UEs="}}}`, want: CreateAssetInput{Content: &AssetContentMemberZip{AssetZipContent{ZipFile: []byte("PK")}}}},
		{name: "union without member", body: `{"content":{}}`, wantErr: "/content: want exactly one of file, zip, got 0 members"},
		{name: "union with null alone", body: `{"content":{"zip":null}}`, wantErr: "/content: want exactly one of file, zip, got 0 members"},
		{name: "union with two", body: `{"content":{"file":{},"zip":{}}}`, wantErr: "/content: want exactly one of file, zip, got 2 members"},
		{name: "union of a later edition", body: `{"content":{"sourceUrl":{"url":"https://example.com"}}}`, wantErr: `/content: want exactly one of file, zip, got "sourceUrl"`},
		{name: "inner union", body: `{"content":{"file":{"body":{"text":"","bytes":""}}}}`, wantErr: "/content/file/body: want exactly one of bytes, text, got 2 members"},
		{name: "union not an object", body: `{"content":"zip"}`, wantErr: "/content: want an object, got string"},
		{name: "string wanted", body: `{"assetType":7}`, wantErr: "/assetType: want a string"},
		{name: "not base64", body: `{"content":{"zip":{"zipFile":"-_-_"}}}`, wantErr: "/content/zip/zipFile: not base64"},
		{name: "base64 unpadded", body: `{"content":{"zip":{"zipFile":"UEs"}}}`, wantErr: "/content/zip/zipFile: not base64"},
		{name: "base64 in lines", body: `{"content":{"zip":{"zipFile":"UE\ns="}}}`, wantErr: "/content/zip/zipFile: not base64: contains a line break"},
		{name: "half a surrogate pair", body: `{"content":{"file":{"body":{"text":"\ud83d!"}}}}`, wantErr: "/content/file/body/text: escapes half a surrogate pair"},
		{name: "second half alone", body: `{"content":{"file":{"body":{"text":"\uDE00"}}}}`, wantErr: "/content/file/body/text: escapes half a surrogate pair"},
		{name: "two first halves", body: `{"assetType":"\ud83d\ud83d"}`, wantErr: "/assetType: escapes half a surrogate pair"},
		{name: "not UTF-8", body: "{\"assetType\":\"\xff\"}", wantErr: "not valid UTF-8"},
		{name: "a list", body: `[]`, wantErr: "want an object, got array"},
		{name: "null alone", body: `null`, wantErr: "want an object, got null"},
		{name: "cut off", body: `{"assetType":"skill"`, wantErr: "unexpected end of JSON input"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got CreateAssetInput
			err := json.Unmarshal([]byte(tt.body), &got)
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Fatalf("error %v, want one with %q", err, tt.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestShapeErrorPath(t *testing.T) {
	err := json.Unmarshal([]byte(`{"items":[{"version":1},{"version":1.5}]}`), new(ListAssetsOutput))
	var shape *ShapeError
	if !errors.As(err, &shape) {
		t.Fatalf("error %v is no ShapeError", err)
	}
	if diff := gocmp.Diff(&ShapeError{Path: "/items/1/version", Reason: "want a 32-bit integer"}, shape); diff != "" {
		t.Error(diff)
	}
}

func TestEncode(t *testing.T) {
	at := time.Unix(1781000000, 0)
	tests := []struct {
		name    string
		value   json.Marshaler
		want    string
		wantErr string
	}{
		{name: "asset", value: CreateAssetOutput{&Asset{
			AssetId: new("ki-1"), AssetType: new("skill"), Metadata: Document(`{ "a" : 1.50 }`), Version: new(int32(1)), CreatedAt: &at, UpdatedAt: new(at.Add(time.Millisecond)),
		}}, want: `{"asset":{"assetId":"ki-1","assetType":"skill","metadata":{"a":1.50},"version":1,"createdAt":1781000000,"updatedAt":1781000000.001}}`},
		{name: "empty list", value: ListAssetFilesOutput{}, want: `{"items":[]}`},
		{name: "list", value: ListAssetTypesOutput{Items: []AssetTypeSummary{{AssetType: new("a")}, {AssetType: new("b")}}, NextToken: new("n")}, want: `{"items":[{"assetType":"a"},{"assetType":"b"}],"nextToken":"n"}`},
		{name: "delete", value: DeleteAssetOutput{}, want: `{}`},
		{name: "plain characters stay", value: AssetFile{Content: &AssetFileBodyMemberText{"<a&b>ü"}}, want: `{"content":{"text":"<a&b>ü"}}`},
		{name: "bytes", value: AssetFile{Content: &AssetFileBodyMemberBytes{nil}}, want: `{"content":{"bytes":""}}`},
		{name: "error", value: ErrorBody{Type: new("ValidationException"), Message: new("m"), Fields: []FieldError{{"/a", "b"}}}, want: `{"__type":"ValidationException","message":"m","fieldList":[{"path":"/a","message":"b"}]}`},
		{name: "error without fields", value: ErrorBody{Message: new("m")}, want: `{"message":"m"}`},
		{name: "path and query members stay out", value: UpdateAssetInput{AgentSpaceId: new("s"), AssetId: new("a"), ClientToken: new("t")}, want: `{"clientToken":"t"}`},
		{name: "text not UTF-8", value: AssetFile{Content: &AssetFileBodyMemberText{"\xff"}}, wantErr: "/content/text: not valid UTF-8"},
		{name: "document not JSON", value: Asset{Metadata: Document(`{`)}, wantErr: "/metadata: not JSON"},
		{name: "time out of range", value: Asset{CreatedAt: new(time.Unix(lastSecond+1, 0))}, wantErr: "/createdAt: time is outside"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.value.MarshalJSON()
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Fatalf("error %v, want one with %q", err, tt.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(tt.want, string(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestTimestamp(t *testing.T) {
	tests := []struct {
		raw  string
		want time.Time // zero: an error
		text string    // as written again, when not raw
	}{
		{raw: "0", want: time.Unix(0, 0)},
		{raw: "1781000000", want: time.Unix(1781000000, 0)},
		{raw: "1781000000.123456789", want: time.Unix(1781000000, 123456789)},
		{raw: "1781000000.1", want: time.Unix(1781000000, 100_000_000)},
		{raw: "1781000000.000000001", want: time.Unix(1781000000, 1)},
		{raw: "1781000000.9999999999", want: time.Unix(1781000000, 999_999_999), text: "1781000000.999999999"},
		{raw: "1.781E9", want: time.Unix(1781000000, 0), text: "1781000000"},
		{raw: "1781000000123e-3", want: time.Unix(1781000000, 123_000_000), text: "1781000000.123"},
		{raw: "-1.25", want: time.Unix(-2, 750_000_000)},
		{raw: "-0.5", want: time.Unix(-1, 500_000_000)},
		{raw: "-62135596800", want: time.Unix(firstSecond, 0)},
		{raw: "253402300799.999999999", want: time.Unix(lastSecond, 999_999_999)},
		{raw: "253402300800"}, {raw: "-62135596801"}, {raw: "1e99"}, {raw: "1e999999999"},
		{raw: `"2026-06-09T00:00:00Z"`}, {raw: "true"}, {raw: "99999999999999999999999"},
	}
	for _, tt := range tests {
		t.Run(tt.raw, func(t *testing.T) {
			got, err := decodeTime([]byte(tt.raw))
			if tt.want.IsZero() && tt.raw != "-62135596800" {
				if err == nil {
					t.Fatalf("got %v, want an error", got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !got.Equal(tt.want) || got.Location() != time.UTC {
				t.Errorf("got %v, want %v", got, tt.want.UTC())
			}
			text, err := encodeTime(got)
			if want := cmp.Or(tt.text, tt.raw); err != nil || string(text) != want {
				t.Errorf("written again: %s, %v, want %s", text, err, want)
			}
		})
	}
}

func TestDocument(t *testing.T) {
	doc, err := NewDocument(map[string]any{"b": json.Number("1.10"), "a": []string{"<x>"}})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"a":["<x>"],"b":1.10}`; string(doc) != want {
		t.Errorf("got %s, want %s", doc, want)
	}
	got, err := Document(`{"n":12345678901234567890.123,"l":[true,null]}`).Map()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"n": json.Number("12345678901234567890.123"), "l": []any{true, nil}}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if m, err := Document(nil).Map(); m != nil || err != nil {
		t.Errorf("absent document: %v, %v", m, err)
	}
	for _, bad := range []string{"", "null", "[1]", "{}{}", "{} x", "{"} {
		if m, err := Document(bad).Map(); err == nil {
			t.Errorf("document %q: got %v, want an error", bad, m)
		}
	}
	if _, err := NewDocument(func() {}); err == nil {
		t.Error("a function became a document")
	}
}
