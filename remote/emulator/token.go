package emulator

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"

	"assetsync/remote"
)

// claim is a client token that a request holds.
type claim struct {
	key    []byte
	digest string
}

// claim checks a client token against earlier uses. A token is known by its
// space, whatever the operation. For CreateAsset with a payload that made an
// asset before it returns the answer to give: that asset, deleted or not.
func (st *state) claim(c *call, token *string) (replay any, err error) {
	if token == nil {
		return nil, nil
	}
	if err := st.limits.CheckToken(*token); err != nil {
		return nil, invalid("/clientToken", "%v", err)
	}
	digest, err := payloadDigest(c)
	if err != nil {
		return nil, err
	}
	key := assetKey(c.space, *token)
	rec, known, err := load[tokenRecord](st.bucket(bucketTokens), key)
	switch {
	case err != nil:
		return nil, err
	case known && rec.Digest != digest:
		return nil, refuse(remote.KindConflict, "a different request was sent with this client token")
	}
	c.token = &claim{key, digest}
	if rec.Asset == "" {
		return nil, nil
	}
	c.created = rec.Asset
	a, _, err := load[assetRecord](st.bucket(bucketAssets), assetKey(c.space, rec.Asset))
	if err != nil {
		return nil, err
	}
	v, err := st.version(a, 0)
	if err != nil {
		return nil, err
	}
	shape, err := st.assetShape(a, v.versionHead)
	return &remote.CreateAssetOutput{Asset: shape}, err
}

// burn records that a token was used, by a success or by a refusal.
func (st *state) burn(c *call) error {
	if c.token == nil {
		return nil
	}
	return save(st.bucket(bucketTokens), c.token.key, tokenRecord{Digest: c.token.digest, Asset: c.created})
}

// payloadDigest is over what a request asks for: the same for any spelling
// of the same JSON.
func payloadDigest(c *call) (string, error) {
	var body map[string]any
	if err := unmarshal(c.body, &body); err != nil {
		return "", err
	}
	delete(body, "clientToken")
	canonical, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{c.op.name, c.asset, c.path, string(canonical)}, "\x00")))
	return hex.EncodeToString(sum[:]), nil
}

// decodeBody reads the body into an input shape.
func decodeBody(c *call, in json.Unmarshaler) error {
	if !json.Valid(c.body) {
		return frontDoor(http.StatusBadRequest, "SerializationException", "the body is not JSON")
	}
	err := in.UnmarshalJSON(c.body)
	var shape *remote.ShapeError
	if errors.As(err, &shape) {
		return invalid(shape.Path, "%s", shape.Reason)
	}
	return err
}

// equalJSON compares two values that were decoded from JSON.
func equalJSON(a, b any) bool { return reflect.DeepEqual(a, b) }
