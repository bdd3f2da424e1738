package main

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// selfDecoding is implemented by settings, which read one YAML value each.
type selfDecoding interface {
	decodeNode(d *decoder, n ast.Node, key string)
}

// decode fills into, an addressable struct, map of structs, list of structs
// or setting, from the value n of key.
func (d *decoder) decode(n ast.Node, key string, into reflect.Value) {
	n, ok := d.resolve(n, key)
	if !ok {
		return
	}
	if s, ok := into.Addr().Interface().(selfDecoding); ok {
		s.decodeNode(d, n, key)
		return
	}
	if o, ok := into.Addr().Interface().(interface{ setAt(pos) }); ok {
		o.setAt(position(n))
	}
	switch into.Kind() {
	case reflect.Slice:
		for i, item := range d.items(n, key) {
			into.Set(reflect.Append(into, reflect.Zero(into.Type().Elem())))
			d.decode(item, fmt.Sprintf("%s[%d]", key, i), into.Index(i))
		}
	case reflect.Map:
		into.Set(reflect.MakeMap(into.Type()))
		for k, v := range d.pairs(n, key) {
			one := reflect.New(into.Type().Elem()).Elem()
			d.decode(v, join(key, k.name), one)
			into.SetMapIndex(reflect.ValueOf(k.name), one)
		}
	case reflect.Struct:
		fields := fieldsOf(into)
		for k, v := range d.pairs(n, key) {
			i := slices.IndexFunc(fields, func(f configField) bool { return f.Name == k.name })
			if i < 0 {
				d.unknownKey(k, key, fields)
				continue
			}
			d.decode(v, join(key, k.name), fields[i].Value)
		}
	}
}

func (d *decoder) unknownKey(k mappingKey, key string, fields []configField) {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	d.add(k.at, key, "unknown key %s%s", quoted(k.name), didYouMean(k.name, names))
}

func join(key, name string) string {
	if r := []rune(name); len(r) > maxShownText {
		name = string(r[:maxShownText]) + "…"
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '.' || r > '~' }) {
		name = fmt.Sprintf("%q", name)
	}
	if key == "" {
		return name
	}
	return key + "." + name
}

// configField is a struct field that a key of the config fills.
type configField struct {
	Name                  string // the key
	Doc, Default, Example string
	Limit                 limit
	Value                 reflect.Value
}

// fieldsOf returns the fields of an addressable struct that have a key,
// those of inlined structs in their place.
func fieldsOf(v reflect.Value) []configField {
	var out []configField
	limits := map[string]limit{}
	if l, ok := v.Interface().(limited); ok {
		limits = l.limits()
	}
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		switch name := tag.Get("yaml"); name {
		case "":
		case ",inline":
			out = append(out, fieldsOf(v.Field(i))...)
		default:
			out = append(out, configField{name, tag.Get("doc"), tag.Get("default"), tag.Get("example"), limits[name], v.Field(i)})
		}
	}
	return out
}

// resolve follows anchors and aliases. It refuses tags and merge keys, which
// a config has no use for, and stops when aliases multiply the config.
func (d *decoder) resolve(n ast.Node, key string) (ast.Node, bool) {
	for {
		if d.visited++; d.visited > maxConfigNodes {
			if d.visited == maxConfigNodes+1 {
				d.add(position(n), key, "aliases repeat too much")
			}
			return nil, false
		}
		switch t := n.(type) {
		case *ast.AnchorNode:
			d.anchors[t.Name.String()] = t.Value
			n = t.Value
		case *ast.AliasNode:
			target, ok := d.anchors[t.Value.String()]
			if !ok {
				d.add(position(n), key, "alias *%s has no anchor before it", t.Value.String())
				return nil, false
			}
			n = target
		case *ast.TagNode:
			d.add(position(n), key, "YAML tags are not used here: remove %s", quoted(t.Start.Value))
			return nil, false
		case nil:
			return nil, false
		default:
			return n, true
		}
	}
}

// items yields the items of a list, after a problem none.
func (d *decoder) items(n ast.Node, key string) iter.Seq2[int, ast.Node] {
	return func(yield func(int, ast.Node) bool) {
		seq, ok := n.(*ast.SequenceNode)
		if !ok {
			d.wrongType(n, key, "a list")
			return
		}
		for i, item := range seq.Values {
			if !yield(i, item) {
				return
			}
		}
	}
}

type mappingKey struct {
	name string
	at   pos
}

// pairs yields the keys of a mapping with their values, after a problem
// none. A key that is no text or occurs twice is a problem, and left out.
func (d *decoder) pairs(n ast.Node, key string) iter.Seq2[mappingKey, ast.Node] {
	return func(yield func(mappingKey, ast.Node) bool) {
		m, ok := n.(ast.MapNode)
		if !ok {
			d.wrongType(n, key, "keys with values")
			return
		}
		seen := map[string]pos{}
		for it := m.MapRange(); it.Next(); {
			k, ok := d.mappingKey(it.KeyValue().Key, key)
			if !ok {
				continue
			}
			if first, twice := seen[k.name]; twice {
				d.add(k.at, key, "key %s is already set on line %d", quoted(k.name), first.Line)
				continue
			}
			seen[k.name] = k.at
			if !yield(k, it.KeyValue().Value) {
				return
			}
		}
	}
}

func (d *decoder) mappingKey(n ast.MapKeyNode, key string) (mappingKey, bool) {
	at := tokenPosition(n.GetToken())
	if n.IsMergeKey() {
		d.add(at, key, "merge keys (<<) are not used here: write the keys out, or let a later entry of targets override")
		return mappingKey{}, false
	}
	text, ok := n.(*ast.StringNode)
	if !ok {
		d.add(at, key, "a key must be a plain text, got %s", describe(n))
		return mappingKey{}, false
	}
	return mappingKey{text.Value, at}, true
}

// wrongType reports that n is not what key wants.
func (d *decoder) wrongType(n ast.Node, key, want string) {
	if key == "" {
		key = "the config"
	}
	if n.Type() == ast.NullType {
		d.add(position(n), key, "has no value: want %s, or remove the key", want)
		return
	}
	d.add(position(n), key, "want %s, got %s", want, describe(n))
}

// describe says what a node is, for people.
func describe(n ast.Node) string {
	switch t := n.(type) {
	case *ast.StringNode:
		return "the text " + quoted(t.Value)
	case *ast.LiteralNode:
		return "a text of several lines"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "the number " + strings.Trim(quoted(n.GetToken().Value), `"`)
	case *ast.BoolNode:
		return strings.ToLower(n.GetToken().Value)
	case *ast.NullNode:
		return "nothing"
	case *ast.SequenceNode:
		return "a list"
	case ast.MapNode:
		return "keys with values"
	}
	return "something else"
}
