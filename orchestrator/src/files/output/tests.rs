#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use proptest::prelude::*;

use super::*;

/// A sheet with room for so many bytes.
#[derive(Debug, Default)]
struct Small {
    bytes: Vec<u8>,
    room: usize,
}

impl Write for Small {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fits = bytes.len().min(self.room - self.bytes.len());
        self.bytes.extend(&bytes[..fits]);
        if fits == 0 && !bytes.is_empty() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(fits) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sheet for Small {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.bytes.truncate(usize::try_from(length).unwrap());
        Ok(())
    }

    fn make_durable(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn list(room: usize) -> OutputFile<Small> {
    OutputFile::on(Small { room, ..Small::default() }, Path::new("output.txt"), None)
}

#[test]
fn what_a_full_disk_refuses_waits_and_nothing_more_is_read_meanwhile() {
    let mut list = list(5);
    assert_eq!(list.wants(3), Some(0));
    assert_eq!(list.push(1, ["one", "two", "three"]), 3);
    for _ in 0..3 {
        assert!(matches!(list.write(), Err(Failed::Later(_))));
        assert_eq!((list.sheet.bytes.len(), list.last()), (0, 0), "no half a line stays");
        assert_eq!(list.wants(9), None, "a try costs no reading");
    }
    list.sheet.room = 100;
    list.write().unwrap();
    assert_eq!(list.sheet.bytes, b"one\ntwo\nthree\n");
    assert_eq!((list.last(), list.wants(9)), (3, Some(3)));
}

#[test]
fn who_was_paused_while_building_writes_nothing_into_the_list_of_who_builds_after_him() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("output.txt");
    let mut paused = OutputFile::create(&path, 1).unwrap();
    paused.push(1, ["one", "two"]);
    let mut next = OutputFile::create(&path, 1).unwrap();
    next.push(1, ["one"]);
    next.write().unwrap();
    paused.write().unwrap();
    next.settle().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"one\n");
    assert_eq!((next.change().unwrap(), paused.change().unwrap()), (None, Some(Change::Gone)));
}

#[test]
fn a_sheet_that_cannot_be_cut_is_given_up() {
    let file = File::options().write(true).open("/dev/full").unwrap();
    let mut list = OutputFile::on(file, Path::new("output.txt"), None);
    list.push(1, ["one"]);
    assert!(matches!(list.write(), Err(Failed::Broken(_))));
}

proptest! {
    #[test]
    fn whole_lines_stand_in_order_whatever_room_there_is(
        pages in prop::collection::vec((1_u64..30, 1_usize..20), 1..20),
        rooms in prop::collection::vec(0_usize..60, 1..20),
    ) {
        let mut list = list(0);
        for ((first, length), more) in pages.into_iter().zip(rooms.into_iter().cycle()) {
            let texts: Vec<String> = (first..).take(length).map(|number| format!("n{number}")).collect();
            let waiting = list.push(first, texts.iter().map(String::as_str));
            list.sheet.room += more;
            let written = list.write();
            prop_assert_eq!(list.wants(u64::MAX).is_none(), written.is_err() && waiting > 0);
            let expected: Vec<String> = (1..=list.last()).map(|number| format!("n{number}")).collect();
            let text = std::str::from_utf8(&list.sheet.bytes).unwrap();
            prop_assert!(text.is_empty() || text.ends_with('\n'));
            prop_assert_eq!(text.lines().collect::<Vec<_>>(), expected);
        }
    }
}
