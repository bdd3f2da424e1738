package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// schema is a JSON Schema as editors read it. Draft 7 is what all of them know.
type schema struct {
	Schema      string `json:"$schema,omitempty"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	Type        string `json:"type,omitempty"`
	Examples    []any  `json:"examples,omitempty"`

	Enum             []string `json:"enum,omitempty"`
	Pattern          string   `json:"pattern,omitempty"`
	MinLength        int      `json:"minLength,omitempty"`
	Minimum          any      `json:"minimum,omitempty"`
	ExclusiveMinimum any      `json:"exclusiveMinimum,omitempty"`
	Maximum          any      `json:"maximum,omitempty"`

	Items    *schema `json:"items,omitempty"`
	MinItems int     `json:"minItems,omitempty"`

	Properties           map[string]*schema `json:"properties,omitempty"`
	PropertyNames        *schema            `json:"propertyNames,omitempty"`
	AdditionalProperties any                `json:"additionalProperties,omitempty"` // false, or a schema
	Required             []string           `json:"required,omitempty"`

	AnyOf []*schema `json:"anyOf,omitempty"`
}

const schemaDraft = "http://json-schema.org/draft-07/schema#"

// durationForm is what [time.ParseDuration] takes of durations that are not
// below zero.
const durationForm = `^\+?(0|([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`

// ConfigSchema returns the JSON Schema of the config: its keys, what they mean
// and what they may be, made of the structs of [Config]. It refuses unknown keys.
// What needs more than one key to tell, only [ParseConfig] refuses.
func ConfigSchema() []byte {
	top := schemaOfStruct(reflect.ValueOf(&Config{}).Elem())
	top.Schema, top.Title = schemaDraft, "The configuration of assetsync"
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(top); err != nil {
		panic(err) // a type that is no JSON: a fault of the program
	}
	return b.Bytes()
}

// schemaOfStruct is the schema of a mapping whose keys are the fields of v.
func schemaOfStruct(v reflect.Value) *schema {
	s := &schema{Type: "object", Properties: map[string]*schema{}, AdditionalProperties: false}
	for _, f := range fieldsOf(v) {
		s.Properties[f.Name] = schemaOfField(f)
	}
	if _, ok := s.Properties["path"]; ok {
		s.Required = []string{"path"}
	}
	return s
}

// schemaOfField is the schema of one key, with its documentation.
func schemaOfField(f configField) *schema {
	s := schemaOfValue(f.Value, f.Limit)
	s.Description = f.Doc
	if text := f.Limit.String(); text != "" && len(f.Limit.words) == 0 && f.Limit.form == "" && !strings.Contains(f.Doc, text) {
		s.Description += " Limits: " + text + "."
	}
	if f.Default != "" {
		s.Description += " Default: " + f.Default + "."
	}
	if f.Example != "" {
		var example any
		if err := yaml.Unmarshal([]byte(f.Example), &example); err != nil {
			panic(fmt.Errorf("example of %s: %w", f.Name, err)) // a fault of the program
		}
		s.Examples = []any{example}
	}
	return s
}

// schemaOfValue is the schema of what can fill v, a field of the config.
func schemaOfValue(v reflect.Value, l limit) *schema {
	if _, setting := v.Addr().Interface().(selfDecoding); setting {
		return schemaOfSetting(v.FieldByName("V").Interface(), l)
	}
	switch v.Kind() {
	case reflect.Struct:
		return schemaOfStruct(v)
	case reflect.Slice:
		return &schema{Type: "array", Items: schemaOfValue(reflect.New(v.Type().Elem()).Elem(), l)}
	case reflect.Map:
		return &schema{
			Type: "object", PropertyNames: &schema{Pattern: environmentName().String()},
			AdditionalProperties: schemaOfValue(reflect.New(v.Type().Elem()).Elem(), l),
		}
	}
	panic(fmt.Sprintf("no schema for %s", v.Type())) // a fault of the program
}

// schemaOfSetting is the schema of a setting, told by the type of its value. It
// has a case for each of decoder.setting.
func schemaOfSetting(value any, l limit) *schema {
	switch value.(type) {
	case string:
		return textSchema(l)
	case bool:
		return &schema{Type: "boolean"}
	case int:
		return numberSchema("integer", l)
	case float64:
		return numberSchema("number", l)
	case time.Duration:
		return &schema{Type: "string", Pattern: durationForm}
	case stringList:
		return &schema{Type: "array", Items: textSchema(l)}
	case oneOrMore:
		return &schema{AnyOf: []*schema{textSchema(l), {Type: "array", Items: textSchema(l), MinItems: 1}}}
	case metadata:
		scalar := []*schema{{Type: "string"}, {Type: "number"}, {Type: "boolean"}}
		list := &schema{Type: "array", Items: &schema{AnyOf: scalar}}
		return &schema{Type: "object", AdditionalProperties: &schema{AnyOf: append(scalar[:3:3], list)}}
	case assetIDs:
		return &schema{AnyOf: []*schema{textSchema(l), {Type: "object", AdditionalProperties: textSchema(l)}}}
	}
	panic(fmt.Sprintf("no schema for %T", value)) // a fault of the program
}

func textSchema(l limit) *schema {
	return &schema{Type: "string", MinLength: 1, Enum: l.words, Pattern: l.form}
}

func numberSchema(kind string, l limit) *schema {
	if l.above {
		return &schema{Type: kind, ExclusiveMinimum: l.least}
	}
	return &schema{Type: kind, Minimum: l.least, Maximum: l.most}
}
