package remote

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// AssetContent is what an asset is made of, one of
// [*AssetContentMemberFile] and [*AssetContentMemberZip].
type AssetContent interface{ isAssetContent() }

// AssetContentMemberFile is one file: the first of a new asset, or one to
// add or replace in an existing one.
type AssetContentMemberFile struct{ Value AssetFileContent }

// AssetContentMemberZip is the complete set of files.
type AssetContentMemberZip struct{ Value AssetZipContent }

func (*AssetContentMemberFile) isAssetContent() {}
func (*AssetContentMemberZip) isAssetContent()  {}

// AssetFileBody is the content of a file, one of [*AssetFileBodyMemberText]
// and [*AssetFileBodyMemberBytes]. What was sent as one may be read as the
// other: compare the bytes that [ContentOf] returns.
type AssetFileBody interface{ isAssetFileBody() }

// AssetFileBodyMemberText is content as valid UTF-8.
type AssetFileBodyMemberText struct{ Value string }

// AssetFileBodyMemberBytes is content as any bytes.
type AssetFileBodyMemberBytes struct{ Value []byte }

func (*AssetFileBodyMemberText) isAssetFileBody()  {}
func (*AssetFileBodyMemberBytes) isAssetFileBody() {}

func contentField(name string, p *AssetContent) field {
	return unionField(name, p, encodeContent, map[string]func([]byte) (AssetContent, error){
		"file": func(raw []byte) (AssetContent, error) {
			m := new(AssetContentMemberFile)
			return m, decode(raw, m.Value.fields())
		},
		"zip": func(raw []byte) (AssetContent, error) {
			m := new(AssetContentMemberZip)
			return m, decode(raw, m.Value.fields())
		},
	})
}

func encodeContent(c AssetContent) (string, []byte, error) {
	switch m := c.(type) {
	case *AssetContentMemberFile:
		raw, err := encode(m.Value.fields())
		return "file", raw, err
	case *AssetContentMemberZip:
		raw, err := encode(m.Value.fields())
		return "zip", raw, err
	}
	return "", nil, badShape("no member of a union: %T", c)
}

func fileBodyField(name string, p *AssetFileBody) field {
	return unionField(name, p, encodeFileBody, map[string]func([]byte) (AssetFileBody, error){
		"text": func(raw []byte) (AssetFileBody, error) {
			text, err := decodeString(raw)
			return &AssetFileBodyMemberText{text}, err
		},
		"bytes": func(raw []byte) (AssetFileBody, error) {
			data, err := decodeBlob(raw)
			return &AssetFileBodyMemberBytes{data}, err
		},
	})
}

func encodeFileBody(b AssetFileBody) (string, []byte, error) {
	switch m := b.(type) {
	case *AssetFileBodyMemberText:
		raw, err := encodeString(m.Value)
		return "text", raw, err
	case *AssetFileBodyMemberBytes:
		return "bytes", encodeBlob(m.Value), nil
	}
	return "", nil, badShape("no member of a union: %T", b)
}

// unionField is a member that is an object of exactly one known member.
func unionField[U comparable](name string, p *U, write func(U) (string, []byte, error), members map[string]func([]byte) (U, error)) field {
	var absent U
	return field{
		name: name,
		decode: func(raw json.RawMessage) (err error) {
			*p, err = decodeUnion(raw, members)
			return err
		},
		encode: func() (json.RawMessage, error) {
			if *p == absent {
				return nil, nil
			}
			tag, raw, err := write(*p)
			if err != nil {
				return nil, below(tag, err)
			}
			return fmt.Appendf(nil, "{%q:%s}", tag, raw), nil
		},
	}
}

func decodeUnion[U any](raw []byte, members map[string]func([]byte) (U, error)) (u U, err error) {
	known := strings.Join(slices.Sorted(maps.Keys(members)), ", ")
	object, err := decodeObject(raw)
	if err != nil {
		return u, err
	}
	if len(object) != 1 {
		return u, badShape("want exactly one of %s, got %d members", known, len(object))
	}
	for tag, value := range object {
		read, ok := members[tag]
		if !ok {
			return u, badShape("want exactly one of %s, got %q", known, sanitise(tag, maxNameShown))
		}
		v, err := read(value)
		if err != nil {
			return u, below(tag, err)
		}
		u = v
	}
	return u, nil
}
