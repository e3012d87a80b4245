// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask pictures`: Wireshark in a window that nobody sees, for the pictures in `docs/`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use xtask::pictures::{self, PICTURES, Picture, View};
use xtask::sandbox::Sandbox;
use xtask::{cargo, packages, process};

/// A window comes within this, on a machine that has more to do.
const LIMIT: Duration = Duration::from_secs(120);

/// What menus, buttons, headings and the bytes need of a window's height.
const BARS_AND_BYTES: u32 = 270;

/// Between two looks at the screen, which have to be the same.
const PAUSE: Duration = Duration::from_millis(700);

/// All, or those whose file's name has one of these words in it.
pub fn pictures(words: &[String]) -> Result<()> {
    packages::ensure_installed(&[packages::BUILD, packages::PICTURES])?;
    let plugin = cargo::build_plugin()?;
    let root = cargo::root()?;
    let wanted =
        |picture: &&Picture| words.is_empty() || words.iter().any(|word| picture.file.contains(word));
    for picture in PICTURES.iter().filter(wanted) {
        // A home for each: Wireshark remembers what it showed last.
        let home = pictures::home(&root, &plugin)?;
        let file = root.join("docs").join(picture.file);
        draw(picture, &home, &file).with_context(|| format!("cannot make {}", file.display()))?;
        println!("Made {}", file.display());
    }
    let text = root.join("docs/pictures.txt");
    fs::write(&text, pictures::text(&pictures::home(&root, &plugin)?)?)?;
    println!("Wrote {}. Look at the pictures before you commit them.", text.display());
    Ok(())
}

/// Ended when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A screen that nobody sees.
struct Screen {
    name: String,
    _server: Running,
}

impl Screen {
    fn new((width, height): (u32, u32)) -> Result<Self> {
        let mut xvfb = Command::new("Xvfb");
        xvfb.args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0", &format!("{width}x{height}x24")]);
        let mut server =
            xvfb.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("cannot start Xvfb")?;
        let output = server.stdout.take().context("Xvfb says its number")?;
        let server = Running(server);
        let mut number = String::new();
        BufReader::new(output).read_line(&mut number)?;
        if number.trim().is_empty() {
            bail!("Xvfb ended before it had a screen");
        }
        Ok(Self { name: format!(":{}", number.trim()), _server: server })
    }

    /// A program that looks at the screen or types.
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.env("DISPLAY", &self.name).args(arguments);
        command
    }

    /// Number of the program's window with these words in its title.
    fn window(&self, title: &str, program: &mut Running) -> Result<String> {
        let end = Instant::now() + LIMIT;
        while Instant::now() < end {
            let mut search = self.command("xdotool", &["search", "--onlyvisible", "--name", title]);
            // It fails as long as there is none.
            let output = search.output().context("cannot start xdotool")?;
            if let Some(number) = String::from_utf8_lossy(&output.stdout).lines().next() {
                return Ok(number.to_owned());
            }
            if let Some(status) = program.0.try_wait()? {
                bail!("the program ended before it had a window ({status})");
            }
            sleep(PAUSE);
        }
        bail!("no window is called {title} after {LIMIT:?}");
    }

    /// Without a window manager nobody else says who gets the keys.
    fn press(&self, window: &str, keys: &[&str]) -> Result<()> {
        process::output(&mut self.command("xdotool", &["windowfocus", "--sync", window]))?;
        for key in keys {
            process::output(&mut self.command("xdotool", &["key", key]))?;
            sleep(PAUSE);
        }
        Ok(())
    }

    /// A picture of a window, once it stays as it is.
    fn still(&self, window: &str) -> Result<Vec<u8>> {
        let end = Instant::now() + LIMIT;
        let mut before = Vec::new();
        while Instant::now() < end {
            // No times and no comments: the same window is the same file.
            let arguments = ["-window", window, "-strip", "-define", "png:exclude-chunks=all"];
            // A third of the size; without dithering areas stay of one colour.
            let small = ["+dither", "-treedepth", "8", "-colors", "256", "png8:-"];
            let mut import = self.command("import", &arguments);
            let now = process::output(import.args(small))?.stdout;
            if now == before {
                return Ok(now);
            }
            before = now;
            sleep(PAUSE);
        }
        bail!("the window does not come to rest in {LIMIT:?}");
    }
}

fn draw(picture: &Picture, home: &Sandbox, file: &Path) -> Result<()> {
    lay_out(picture, home)?;
    let screen = Screen::new(picture.size)?;
    let mut wireshark = home.command("wireshark");
    wireshark.env("DISPLAY", &screen.name).env("XDG_RUNTIME_DIR", home.path());
    wireshark.args(picture.arguments(home));
    if !picture.filter.is_empty() {
        wireshark.args(["-Y", picture.filter]);
    }
    if let View::Tree { packet, .. } = picture.view {
        wireshark.args(["-o", "gui.layout_type:1", "-g", &packet.to_string()]);
    }
    wireshark.stdout(Stdio::null()).stderr(Stdio::null());
    let mut wireshark = Running(wireshark.spawn().context("cannot start wireshark")?);

    let main = screen.window(&format!("^{}.pcap$", picture.sample), &mut wireshark)?;
    screen.still(&main)?;
    let shown = match picture.view {
        View::Tree { keys, .. } => {
            // The tree is in the middle of the window.
            let (width, height) = picture.size;
            let (x, y) = ((width * 2 / 3).to_string(), (height * 3 / 5).to_string());
            process::output(&mut screen.command("xdotool", &["mousemove", &x, &y, "click", "1"]))?;
            screen.press(&main, keys)?;
            main
        }
        View::List => {
            // Columns get the width of what is in them.
            screen.press(&main, &["ctrl+shift+r"])?;
            main
        }
        View::Window { title, keys } => {
            screen.press(&main, keys)?;
            screen.window(title, &mut wireshark)?
        }
    };
    // Out of the way of what it would light up.
    process::output(&mut screen.command("xdotool", &["mousemove", "0", "0"]))?;
    fs::write(file, screen.still(&shown)?)?;
    Ok(())
}

/// Tells Wireshark the sizes of its window and panes.
fn lay_out(picture: &Picture, home: &Sandbox) -> Result<()> {
    let (width, height) = picture.size;
    let configuration = home.path().join(".config/wireshark");
    let window = format!(
        "gui.geometry_main_x: 0\ngui.geometry_main_y: 0\ngui.geometry_main_width: {width}\n\
         gui.geometry_main_height: {height}\ngui.geometry_main_maximized: FALSE\n"
    );
    write(&configuration.join("recent_common"), &window, home)?;
    let list = match picture.view {
        View::Tree { .. } => height / 7,
        View::List | View::Window { .. } => height,
    };
    let alone = matches!(picture.view, View::List)
        .then_some("gui.tree_view_show: FALSE\ngui.byte_view_show: FALSE\n");
    let panes = format!(
        "gui.geometry_main_upper_pane: {list}\ngui.geometry_main_lower_pane: {}\n{}",
        height.saturating_sub(list + BARS_AND_BYTES),
        alone.unwrap_or_default()
    );
    let folder = if picture.profile { pictures::profile_in(home) } else { configuration };
    write(&folder.join("recent"), &panes, home)
}

fn write(file: &Path, text: &str, home: &Sandbox) -> Result<()> {
    fs::write(file, text)?;
    home.give(file)
}
