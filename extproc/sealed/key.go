package sealed

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"fmt"
)

// Key seals and opens texts. A nil Key opens none.
type Key struct{ aead cipher.AEAD }

// NewKey makes a key that no other process has.
func NewKey() *Key {
	var secret [32]byte
	rand.Read(secret[:]) // never fails: crypto/rand ends the program instead
	block, err := aes.NewCipher(secret[:])
	if err != nil {
		panic(fmt.Sprintf("AES with a key of 32 bytes: %v", err))
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(fmt.Sprintf("GCM over AES: %v", err))
	}
	return &Key{aead}
}

// Seal returns data as letters, digits, '-' and '_', for one purpose.
func (k *Key) Seal(purpose string, data []byte) string {
	return base64.RawURLEncoding.EncodeToString(k.aead.Seal(nil, nil, data, []byte(purpose))) //nolint:gosec // the AEAD makes its own nonces
}

// Open returns the data of a text that this key sealed for this purpose.
func (k *Key) Open(purpose, text string) ([]byte, bool) {
	if k == nil {
		return nil, false
	}
	box, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, false
	}
	data, err := k.aead.Open(nil, nil, box, []byte(purpose))
	return data, err == nil
}
