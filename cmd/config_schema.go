package cmd

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func configSchema(env *Env) *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print the JSON schema of hook.yaml, for editors", Args: args(0, 0),
		Example: "  hook config schema > hook.schema.json\n  hook config schema | jq '.properties | keys'",
		RunE: func(*cobra.Command, []string) error {
			b, err := schema()
			if err == nil {
				_, err = env.Out.Write(b)
			}
			return err
		},
	}
}

// schema is the JSON schema of a settings file, made from the table.
func schema() ([]byte, error) {
	type object = map[string]any
	root, profile := object{"version": object{"const": 1}}, object{}
	for _, row := range settings() {
		into, ref := root, "#/properties/"
		head, rest, nested := strings.Cut(row.path, ".")
		name := row.path
		profile[head] = object{"$ref": ref + head}
		if nested {
			if root[head] == nil {
				root[head] = object{"type": "object", "additionalProperties": false, "properties": object{}}
			}
			into, name = root[head].(object)["properties"].(object), rest
		}
		into[name] = row.schema()
	}
	root["profiles"] = object{
		"type": "object", "description": "settings put over the rest by --profile NAME or HOOK_PROFILE",
		"propertyNames": object{"pattern": "^[A-Za-z0-9._-]+$"}, "additionalProperties": object{"$ref": "#/$defs/profile"},
	}
	b, err := json.MarshalIndent(object{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "hook.yaml: settings of hook, made by hook config schema",
		"type": []string{"object", "null"}, "additionalProperties": false, "properties": root,
		"$defs": object{"profile": object{"type": []string{"object", "null"}, "additionalProperties": false, "properties": profile}},
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the schema: %w", err)
	}
	return append(b, '\n'), nil
}

// schema is what a value of the row looks like.
func (s *setting) schema() map[string]any {
	scalar := []string{"string", "number", "boolean"}
	m := map[string]any{"description": s.describe()}
	switch {
	case s.kind == kindBool:
		m["type"] = "boolean"
	case s.kind == kindCount:
		m["type"], m["minimum"] = "integer", s.least
		if s.most > 0 {
			m["maximum"] = s.most
		}
	case s.kind == kindChoice:
		m["enum"] = s.words
	case s.kind == kindOutput:
		m["enum"] = outputs()
	case s.kind == kindSchemes:
		m["type"] = "array"
		m["items"] = map[string]any{"type": "object", "required": []string{"id", "algorithm", "signature"}}
	case s.kind.isMap():
		values := append(scalar, "array")
		if s.kind == kindHeaders {
			values = append(values, "null")
		}
		m["type"] = "object"
		m["additionalProperties"] = map[string]any{"type": values, "items": map[string]any{"type": scalar}}
	case s.kind.list():
		m["type"], m["items"] = append(scalar, "array"), map[string]any{"type": scalar}
	default:
		m["type"] = scalar
	}
	return m
}

// describe is the row's help, with what a project's file may not decide.
func (s *setting) describe() string {
	if s.risk == nil {
		return s.help
	}
	return s.help + " (in a project: hook config trust)"
}
