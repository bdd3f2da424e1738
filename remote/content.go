package remote

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

const byteOrderMark = "\uFEFF"

// BodyOf returns the content of a file as the service keeps it best: as text
// when it is valid UTF-8 without NUL, without a byte order mark at its start
// and within the character limit, else as bytes. Both give back the same
// bytes by [ContentOf]. Whether the size fits is for [Limits.CheckBody].
func BodyOf(content []byte, limits Limits) AssetFileBody {
	isText := utf8.Valid(content) &&
		bytes.IndexByte(content, 0) < 0 &&
		!strings.HasPrefix(string(content[:min(len(content), len(byteOrderMark))]), byteOrderMark) &&
		utf8.RuneCount(content) <= limits.TextChars
	if isText {
		return &AssetFileBodyMemberText{Value: string(content)}
	}
	return &AssetFileBodyMemberBytes{Value: content}
}

// ContentOf returns the bytes of a file, however they travelled. An absent
// body is an error: absent content is not an empty file.
func ContentOf(body AssetFileBody) ([]byte, error) {
	switch b := body.(type) {
	case *AssetFileBodyMemberText:
		return []byte(b.Value), nil
	case *AssetFileBodyMemberBytes:
		return b.Value, nil
	}
	return nil, fmt.Errorf("read content of a file: neither text nor bytes")
}
