package main

import (
	"fmt"
	"math"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Compile-time proof that every kind of setting can be read.
var (
	_ selfDecoding = (*value[string])(nil)
	_ selfDecoding = (*value[assetIDs])(nil)
)

// decodeNode implements selfDecoding.
func (v *value[T]) decodeNode(d *decoder, n ast.Node, key string) {
	if d.setting(n, key, any(&v.V)) {
		v.At = position(n)
	}
}

// setting reads one value into the variable that into points to, and
// reports whether it could.
func (d *decoder) setting(n ast.Node, key string, into any) (ok bool) {
	switch into := into.(type) {
	case *string:
		*into, ok = d.text(n, key)
	case *bool:
		*into, ok = d.boolean(n, key)
	case *int:
		var f float64
		f, ok = d.number(n, key, "a whole number")
		if *into = int(f); ok && float64(*into) != f {
			d.wrongType(n, key, "a whole number")
			return false
		}
	case *float64:
		*into, ok = d.number(n, key, "a number")
	case *time.Duration:
		*into, ok = d.duration(n, key)
	case *stringList:
		*into, ok = d.texts(n, key)
	case *oneOrMore:
		*into, ok = d.oneOrMore(n, key)
	case *metadata:
		*into, ok = d.metadata(n, key)
	case *assetIDs:
		*into, ok = d.assetIDs(n, key)
	}
	return ok
}

func (d *decoder) text(n ast.Node, key string) (string, bool) {
	var text string
	switch t := n.(type) {
	case *ast.StringNode:
		text = t.Value
	case *ast.LiteralNode:
		text = t.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		d.add(position(n), key, "want a text, got %s: put it in quotes", describe(n))
		return "", false
	default:
		d.wrongType(n, key, "a text")
		return "", false
	}
	if text == "" {
		d.add(position(n), key, "is empty: give a value or remove the key")
		return "", false
	}
	return text, true
}

func (d *decoder) boolean(n ast.Node, key string) (bool, bool) {
	b, ok := n.(*ast.BoolNode)
	if !ok {
		d.wrongType(n, key, "true or false")
		return false, false
	}
	return b.Value, true
}

func (d *decoder) number(n ast.Node, key, want string) (float64, bool) {
	v, ok := scalar(n)
	switch v := v.(type) {
	case int64:
		return float64(v), ok
	case float64:
		return v, ok
	}
	d.wrongType(n, key, want)
	return 0, false
}

func (d *decoder) duration(n ast.Node, key string) (time.Duration, bool) {
	const want = "a time with its unit (ms, s, m or h) as 100ms or 5s"
	text, ok := n.(*ast.StringNode)
	if !ok {
		d.wrongType(n, key, want)
		return 0, false
	}
	v, err := time.ParseDuration(text.Value)
	if err != nil {
		d.wrongType(n, key, want)
	}
	return v, err == nil
}

func (d *decoder) texts(n ast.Node, key string) ([]string, bool) {
	before := len(d.list)
	out := []string{}
	for i, item := range d.items(n, key) {
		at := fmt.Sprintf("%s[%d]", key, i)
		if item, ok := d.resolve(item, at); ok {
			text, _ := d.text(item, at)
			out = append(out, text)
		}
	}
	return out, len(d.list) == before
}

func (d *decoder) oneOrMore(n ast.Node, key string) ([]string, bool) {
	switch n.Type() {
	case ast.SequenceType:
		out, ok := d.texts(n, key)
		if ok && len(out) == 0 {
			d.add(position(n), key, "the list is empty: name one or more, or remove the key")
			return nil, false
		}
		return out, ok
	case ast.StringType:
		text, ok := d.text(n, key)
		return []string{text}, ok
	}
	d.wrongType(n, key, "a text or a list of texts")
	return nil, false
}

func (d *decoder) assetIDs(n ast.Node, key string) (ids assetIDs, ok bool) {
	if _, isMap := n.(ast.MapNode); !isMap {
		ids.Any, ok = d.text(n, key)
		return ids, ok
	}
	before := len(d.list)
	ids.ByEnv = map[string]string{}
	for k, v := range d.pairs(n, key) {
		if v, ok := d.resolve(v, join(key, k.name)); ok {
			ids.ByEnv[k.name], _ = d.text(v, join(key, k.name))
		}
	}
	return ids, len(d.list) == before
}

func (d *decoder) metadata(n ast.Node, key string) (metadata, bool) {
	before := len(d.list)
	out := metadata{}
	for k, v := range d.pairs(n, key) {
		at := join(key, k.name)
		v, ok := d.resolve(v, at)
		if !ok {
			continue
		}
		if v.Type() != ast.SequenceType {
			out[k.name] = d.metadataScalar(v, at, "a text, a number, true or false, or a list of those")
			continue
		}
		items := []any{}
		for i, item := range d.items(v, at) {
			if item, ok := d.resolve(item, at); ok {
				items = append(items, d.metadataScalar(item, fmt.Sprintf("%s[%d]", at, i), "a text, a number, or true or false"))
			}
		}
		out[k.name] = items
	}
	return out, len(d.list) == before
}

func (d *decoder) metadataScalar(n ast.Node, key, want string) any {
	v, ok := scalar(n)
	if !ok {
		d.wrongType(n, key, want)
	}
	return v
}

// scalar returns the value of a node as JSON can say it, false when it
// cannot.
func scalar(n ast.Node) (any, bool) {
	switch t := n.(type) {
	case *ast.StringNode:
		return t.Value, true
	case *ast.LiteralNode:
		return t.Value.Value, true
	case *ast.BoolNode:
		return t.Value, true
	case *ast.FloatNode:
		return t.Value, !math.IsInf(t.Value, 0) && !math.IsNaN(t.Value)
	case *ast.IntegerNode:
		if u, ok := t.Value.(uint64); ok && u <= math.MaxInt64 {
			return int64(u), true
		}
		return t.Value, true
	}
	return nil, false
}
