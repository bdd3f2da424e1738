package remote

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"
)

// Document is one JSON value of any kind, kept as text, so that no number
// loses precision. A nil Document is absent.
type Document json.RawMessage

// NewDocument makes a document of a Go value as [json.Marshal] does, without
// escapes for HTML.
func NewDocument(v any) (Document, error) {
	raw, err := marshalPlain(v)
	if err != nil {
		return nil, fmt.Errorf("make document: %w", err)
	}
	return raw, nil
}

// Decode reads the document into v, a pointer. A number that meets an empty
// interface becomes a [json.Number].
func (d Document) Decode(v any) error {
	dec := json.NewDecoder(bytes.NewReader(d))
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("decode document: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("decode document: more than one value")
	}
	return nil
}

// Map returns the members of a document that is an object, with numbers as
// [json.Number]. An absent document has none; any other kind is an error.
func (d Document) Map() (map[string]any, error) {
	if d == nil {
		return nil, nil
	}
	var members map[string]any
	if err := d.Decode(&members); err != nil {
		return nil, err
	}
	if members == nil {
		return nil, fmt.Errorf("decode document: want an object, got null")
	}
	return members, nil
}

// MarshalJSON implements [json.Marshaler]: the document without white space.
// It fails when the document is not one JSON value in UTF-8.
func (d Document) MarshalJSON() ([]byte, error) {
	if d == nil {
		return []byte("null"), nil
	}
	if !utf8.Valid(d) {
		return nil, badShape("not valid UTF-8")
	}
	var buf bytes.Buffer
	if err := json.Compact(&buf, d); err != nil {
		return nil, badShape("not JSON: %v", err)
	}
	return buf.Bytes(), nil
}

// UnmarshalJSON implements [json.Unmarshaler]: it keeps a compact copy.
func (d *Document) UnmarshalJSON(data []byte) error {
	compact, err := Document(data).MarshalJSON()
	if err != nil {
		return err
	}
	*d = compact
	return nil
}
