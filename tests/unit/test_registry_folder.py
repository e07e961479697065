from include.registry import folder_sha256


def test_hash_ignores_the_order_and_time_of_writing(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, order in ((first, "ab"), (second, "ba")):
        folder.mkdir()
        for name in order:
            (folder / name).write_text(name)
    assert folder_sha256(first) == folder_sha256(second)


def test_hash_changes_with_content_name_and_number_of_files(tmp_path):
    (tmp_path / "a").write_text("1")
    hashes = {folder_sha256(tmp_path)}
    (tmp_path / "a").write_text("2")
    hashes.add(folder_sha256(tmp_path))
    (tmp_path / "a").rename(tmp_path / "b")
    hashes.add(folder_sha256(tmp_path))
    (tmp_path / "c").write_text("")
    hashes.add(folder_sha256(tmp_path))
    assert len(hashes) == 4


def test_hash_depends_on_the_folder_of_a_file(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "y").write_text("1")
    inside = folder_sha256(tmp_path)
    (tmp_path / "x" / "y").rename(tmp_path / "xy")
    assert folder_sha256(tmp_path) != inside
