// Checks a pgtape log with Go's checksum database code alone (golang.org/x/mod/sumdb/note and tlog): the signature
// of every checkpoint, every entry against the newest one, and that each checkpoint extends the one before.
//
//	logcheck <archive>/log <vkey>...
//
// The only mapping: sumdb's tile/8/<L>/... is tlog-tiles' tile/<L>/..., its data tiles are entry bundles.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

type directory string

func (d directory) read(t tlog.Tile) ([]byte, error) {
	path := strings.TrimPrefix(t.Path(), "tile/8/")
	path = strings.Replace(path, "data/", "entries/", 1)
	data, err := os.ReadFile(filepath.Join(string(d), "tile", path))
	if errors.Is(err, os.ErrNotExist) && t.W < 1<<height {
		full := t
		full.W = 1 << height
		return d.read(full)
	}
	return data, err
}

func (d directory) Height() int { return height }

func (d directory) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, t := range tiles {
		data, err := d.read(t)
		if err != nil {
			return nil, err
		}
		if t.L >= 0 && len(data) > t.W*tlog.HashSize {
			data = data[:t.W*tlog.HashSize]
		}
		all = append(all, data)
	}
	return all, nil
}

func (d directory) SaveTiles([]tlog.Tile, [][]byte) {}

func (d directory) checkpoint(path string, keys note.Verifiers) (tlog.Tree, error) {
	var tree tlog.Tree
	text, err := os.ReadFile(filepath.Join(string(d), path))
	if err != nil {
		return tree, err
	}
	n, err := note.Open(text, keys)
	if err != nil {
		return tree, fmt.Errorf("%s: %w", path, err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) < 4 || lines[0] != n.Sigs[0].Name {
		return tree, fmt.Errorf("%s: text", path)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tree, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return tree, fmt.Errorf("%s: root", path)
	}
	tree.N = size
	copy(tree.Hash[:], root)
	return tree, nil
}

func (d directory) entries(size int64) ([][]byte, error) {
	var entries [][]byte
	for n := int64(0); n*256 < size; n++ {
		width := int(min(256, size-n*256))
		data, err := d.read(tlog.Tile{H: height, L: -1, N: n, W: width})
		if err != nil {
			return nil, err
		}
		for i := 0; i < width; i++ {
			if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("bundle %d is cut", n)
			}
			length := int(binary.BigEndian.Uint16(data))
			entries = append(entries, data[2:2+length])
			data = data[2+length:]
		}
	}
	return entries, nil
}

func (d directory) check(keys note.Verifiers) error {
	newest, err := d.checkpoint("checkpoint", keys)
	if err != nil {
		return err
	}
	hashes := tlog.TileHashReader(newest, d)
	entries, err := d.entries(newest.N)
	if err != nil {
		return err
	}
	for i, entry := range entries {
		proof, err := tlog.ProveRecord(newest.N, int64(i), hashes)
		if err != nil {
			return fmt.Errorf("leaf %d: %w", i, err)
		}
		if err := tlog.CheckRecord(proof, newest.N, newest.Hash, int64(i), tlog.RecordHash(entry)); err != nil {
			return fmt.Errorf("leaf %d: %w", i, err)
		}
	}
	names, err := os.ReadDir(filepath.Join(string(d), "checkpoints"))
	if err != nil {
		return err
	}
	var sizes []string
	for _, name := range names {
		older, err := d.checkpoint("checkpoints/"+name.Name(), keys)
		if err != nil {
			return err
		}
		sizes = append(sizes, strconv.FormatInt(older.N, 10))
		if older.N == 0 || older.N > newest.N {
			continue
		}
		proof, err := tlog.ProveTree(newest.N, older.N, hashes)
		if err != nil {
			return fmt.Errorf("checkpoint %d: %w", older.N, err)
		}
		if err := tlog.CheckTree(proof, newest.N, newest.Hash, older.N, older.Hash); err != nil {
			return fmt.Errorf("checkpoint %d: %w", older.N, err)
		}
	}
	sort.Slice(sizes, func(i, j int) bool { return len(sizes[i]) < len(sizes[j]) || sizes[i] < sizes[j] && len(sizes[i]) == len(sizes[j]) })
	fmt.Printf("%d leaves, checkpoints %s\n", len(entries), strings.Join(sizes, " "))
	return nil
}

func main() {
	var verifiers []note.Verifier
	for _, vkey := range os.Args[2:] {
		verifier, err := note.NewVerifier(vkey)
		if err != nil {
			fmt.Println("FAIL", err)
			os.Exit(1)
		}
		verifiers = append(verifiers, verifier)
	}
	if err := directory(os.Args[1]).check(note.VerifierList(verifiers...)); err != nil {
		fmt.Println("FAIL", err)
		os.Exit(1)
	}
}
