package sync

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
)

// nonceSize makes two runs of the same plan distinct: 128 random bits.
const nonceSize = 16

func newNonce(random io.Reader) (string, error) {
	b := make([]byte, nonceSize)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("make nonce: %w", err)
	}
	return hex.EncodeToString(b), nil
}

// clientToken returns the idempotency token of one write: 43 characters of
// the 64 that the live service takes. Every part has its length before it,
// so that no two lists of parts run into each other. Only a replay of the
// very same intent gives the same token again.
func clientToken(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		io.WriteString(h, strconv.Itoa(len(p))+":"+p)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// writeToken names one write of an intent: the asset, the operation, the
// path where it has one, the version that it was planned on, the nonce of the
// run and what is sent.
func writeToken(asset, operation, path string, observed int32, nonce, payload, metadata string) string {
	return clientToken("write", asset, operation, path, strconv.Itoa(int(observed)), nonce, payload, metadata)
}

// createToken names the making of an asset. It leaves the payload out, so
// that a second creator is told of the first one instead of making a twin,
// and counts epochs, so that an asset that is gone can be made again.
func createToken(space, kind, identity string, epoch int) string {
	return clientToken("create", space, kind, identity, strconv.Itoa(epoch))
}
