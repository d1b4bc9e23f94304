package apidoc

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// mustJSON returns the document as JSON, with its members in the order of the YAML.
// That the document can be one is tested.
func mustJSON(document []byte) []byte {
	var root yaml.Node
	err := yaml.Unmarshal(document, &root)
	if err == nil {
		var b bytes.Buffer
		if err = writeJSON(&b, root.Content[0]); err == nil {
			return b.Bytes()
		}
	}
	panic(fmt.Errorf("the API document: %w", err))
}

// writeJSON writes a node of YAML as JSON.
func writeJSON(b *bytes.Buffer, node *yaml.Node) error {
	switch node.Kind {
	case yaml.MappingNode:
		b.WriteByte('{')
		for i := 0; i < len(node.Content); i += 2 {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeValue(b, node.Content[i].Value); err != nil {
				return err
			}
			b.WriteByte(':')
			if err := writeJSON(b, node.Content[i+1]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
		return nil
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, element := range node.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeJSON(b, element); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	case yaml.AliasNode:
		return writeJSON(b, node.Alias)
	}
	var value any
	if node.Tag == "!!timestamp" {
		value = node.Value // JSON has no times
	} else if err := node.Decode(&value); err != nil {
		return err
	}
	return writeValue(b, value)
}

func writeValue(b *bytes.Buffer, value any) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	b.Truncate(b.Len() - len("\n"))
	return err
}
