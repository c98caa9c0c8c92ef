//! Fills a database with people, as a service of some age has them: their sessions, attempts, tickets, factors, audit log and
//! published events. For benchmarks, for tests of statements, and for whoever wants to see Concierge with a million people.
//!
//! All of it is one transaction, which leaves out while it inserts what would be done for each row: indexes and references are
//! made once, at its end, and triggers rest. Whoever uses the tables meanwhile waits.

use std::time::Instant;

use ::postgres::{Client, Transaction};

/// Names in the scripts of the world, so that searches and orders meet what they would meet: given names, and the beginnings and
/// ends of surnames.
const NAMES: &str = "
    CREATE TEMPORARY TABLE fill_names (script, locale, given, roots, ends) ON COMMIT DROP AS
    SELECT row_number() OVER () - 1, locale, string_to_array(given, ' '), string_to_array(roots, ' '),
        string_to_array(ends, ' ', '-')
    FROM (VALUES
        ('en', 'Ada Grace Alan Edith Oscar Ruth Hazel Miles Joan Walter Iris Hugh Nora Cecil Maud Ralph',
            'Ash Black Brook Cliff Dun Fair Green Hart Holl King Lang Mill North Oak Red Stan Thorn West Whit Wood',
            'ford ley ton well son field man brook wick by'),
        ('de', 'Jürgen Käthe Lötte Günther Änne Sören Birgit Horst Uwe Heike Dörte Frieda Anton Greta Emil Ida',
            'Acker Berg Böhm Fuchs Groß Hof Kühn Lehn Münch Neu Ober Rein Schön Stein Süß Vogel Wald Weiß Winter Zell',
            'mann er hardt ing meier bach haus feld ler hofer'),
        ('fr', 'Éloïse René Chloé François Zoé Jérôme Agnès Noël Inès Théo Léa Gérard Hélène Rémi Anaïs Benoît',
            'Beau Bois Chât Dela Dumont Fontaine Gar Lac Mar Mont Pel Pré Rou Sal Tour Val Vert Ville Bonn Cler',
            'eau el in on et ier ot ard elle aux'),
        ('es', 'Íñigo Begoña José María Ramón Lucía Andrés Nuria Óscar Inés Jesús Pilar Raúl Sofía Iván Belén',
            'Alv Ben Dom Est Fern Gon Gut Hern Jim Lóp Mart Men Núñ Per Ram Rodr Sán Tor Vel Zam',
            'ez es era ares illa ada ero án ino osa'),
        ('pl', 'Łukasz Małgorzata Żaneta Stanisław Ścibor Agnieszka Paweł Zofia Józef Ewa Michał Beata Rafał Celina Tomasz Ola',
            'Bąk Czar Dąbr Gaj Jan Kow Król Lew Maj Nowak Olsz Piotr Rud Sik Stań Szym Tok Wiś Wój Zie',
            'owski owska ński ńska icz czyk ek ak iński ewicz'),
        ('tr', 'İpek Işıl Çağla Şükrü Gökçe Ömer Ümit Yağmur Emre Ayşe Oğuz Zeynep Kağan Elif Burak Derya',
            'Ak Altın Ay Bulut Çelik Deniz Er Gök Kaya Kara Koç Öz Sarı Şahin Taş Tunç Yıl Yıldız Yüce Demir',
            'oğlu er bay men can türk gil dağ su soy'),
        ('vi', 'Anh Bình Cường Dũng Giang Hạnh Hương Khánh Linh Minh Ngọc Phương Quỳnh Sơn Thảo Vân',
            'Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý Đinh Mai Tô Trịnh', '- Văn Thị'),
        ('ru', 'Ольга Пётр Ксения Фёдор Юлия Игорь Наталья Семён Жанна Артём Софья Глеб Вера Матвей Алла Лев',
            'Бел Вол Голуб Дмитри Ершов Зайц Козл Лебед Медвед Никит Орл Попов Романов Сокол Тих Уша Фролов Хохл Черн Щук',
            'ов ова ев ева ин ина ский ская ко енко'),
        ('uk', 'Ґанна Їжак Євген Оксана Тарас Леся Богдан Мирослава Олесь Соломія Остап Надія Юрій Зоряна Іван Дарина',
            'Бонд Гав Гриц Дорош Жук Забіл Ільч Коваль Кравч Лис Мельн Олій Петр Ром Сав Ткач Федор Шев Яр Яцен',
            'ко енко ук чук ський ська ич як ишин юк'),
        ('el', 'Αλέξης Βασιλική Γιώργος Δήμητρα Ελένη Ζωή Ηλίας Θεοδώρα Ιωάννης Κώστας Λυδία Μάρκος Νίκη Ξένια Σοφία Χρήστος',
            'Αγγελ Βασιλ Γεωργ Δημητρ Ηλι Θεοδωρ Ιωανν Καρα Λαμπρ Μιχαλ Νικολ Οικονομ Παπα Σταυρ Τσα Φωτι Χατζη Χριστ Ψαρ Μαυρ',
            'ίδης άκης όπουλος ου άτος έας ούλης άκος ιάδης ίου'),
        ('ar', 'أحمد فاطمة محمد زينب يوسف مريم خالد ليلى عمر نور حسن سارة علي هدى طارق سلمى',
            'الحسن الخطيب العمري الشامي القاسم المصري النجار الحداد البغدادي الزهراني', '-'),
        ('he', 'נועה דוד תמר יוסף מיכל אורי רחל איתן שירה משה יעל אריאל חנה עומר מאיה גיל',
            'כהן לוי מזרחי פרץ ביטון דהן אברהם פרידמן אזולאי מלכה', '-'),
        ('hi', 'आशा राहुल प्रिया संजय कविता अमित दीपा विजय मीरा रवि सीता अर्जुन नीता मोहन उषा कृष्ण',
            'शर्मा वर्मा गुप्ता सिंह कुमार पटेल जोशी मिश्रा यादव देसाई', '-'),
        ('zh', '伟 芳 娜 敏 静 强 磊 洋 艳 勇 军 杰 娟 涛 明 超', '王 李 张 刘 陈 杨 黄 赵 吴 周 徐 孙 马 朱 胡 郭 何 林 高 罗', '-'),
        ('ja', 'さくら 太郎 花子 健一 美咲 翔太 陽菜 大輔 結衣 拓也 葵 直樹 恵子 誠 由美 亮',
            '佐 鈴 高 田 伊 渡 山 中 小 加 吉 松 井 木 林 清 池 橋 石 前', '藤 木 橋 中 辺 本 村 川 田 野'),
        ('ko', '민준 서연 지훈 수아 현우 지우 도윤 하은 시우 예린 준서 은지 건우 유나 태현 소희', '김 이 박 최 정 강 조 윤 장 임', '-')
    ) AS languages (locale, given, roots, ends)";

/// What is inserted, by table: `$1` is the greatest id before, `$2` how many people there are to be.
const ROWS: [(&str, &str); 14] = [
    (
        "users",
        // Whose name is whose is as good as random, and the same in each run.
        "INSERT INTO users (id, email, email_key, name, surname, phone, password_hash, created_at, email_verified_at, locale)
         OVERRIDING SYSTEM VALUE
         SELECT id, 'person' || id || '@filled.example', 'person' || id || '@filled.example',
            given[1 + abs(hash % cardinality(given))],
            roots[1 + abs(hash / 64 % cardinality(roots))] || coalesce(ends[1 + abs(hash / 4096 % cardinality(ends))], ''),
            CASE WHEN n % 3 = 0 THEN '+4915' || lpad(id::text, 9, '0') END, current_setting('concierge.fill_hash'),
            now() - make_interval(mins => ($2::int4 - n) % 5000000), CASE WHEN n % 10 > 0 THEN now() END, locale
         FROM (SELECT n, $1::int8 + n AS id, hashint8extended($1::int8 + n, 0) / 4 AS hash FROM generate_series(1, $2::int4) n) people
         JOIN fill_names ON script = abs(hash / 65536 % 16)",
    ),
    (
        "user_metadata",
        "INSERT INTO user_metadata (user_id, public) SELECT $1::int8 + n, '{\"plan\": \"free\"}' FROM generate_series(1, $2::int4, 10) n",
    ),
    (
        "sessions",
        "INSERT INTO sessions (id, user_id, refresh_digest, created_at, used_at, idle_until, ends_at, previous_digest)
         SELECT md5('session' || $1::int8 + n)::uuid, $1::int8 + n, 'filled-' || $1::int8 + n,
            now() - make_interval(mins => n % 40000), now(), now() + interval '10 days',
            now() + make_interval(days => 1 + n % 80), 'before-' || $1::int8 + n
         FROM generate_series(1, $2::int4) n",
    ),
    (
        "former_refresh_tokens",
        "INSERT INTO former_refresh_tokens (digest, session_id)
         SELECT 'former-' || $1::int8 + n, md5('session' || $1::int8 + n)::uuid FROM generate_series(1, $2::int4) n",
    ),
    (
        "attempts",
        "INSERT INTO attempts (key, failures, failed_at, known_until, keep_until)
         SELECT 'filled-' || $1::int8 + n, n % 5, now() - make_interval(mins => n % 40000), now() + interval '60 days',
            CURRENT_DATE + 1 + n % 60
         FROM generate_series(1, $2::int4) n",
    ),
    (
        "audit_log",
        "INSERT INTO audit_log (created_at, action, result, user_id, actor_kind, actor_id, request_id)
         SELECT now() - make_interval(secs => n % 7000000),
            (ARRAY['login', 'login', 'logout', 'sign-up', 'password-changed', 'user-suspended'])[1 + n % 6],
            CASE WHEN n % 4 = 0 THEN 'invalid-credentials' ELSE 'success' END, $1::int8 + 1 + n % $2::int4,
            CASE WHEN n % 600 = 5 THEN 'administrator' ELSE 'self' END, $1::int8 + 1 + n % 97, 'filled-' || n
         FROM generate_series(1, 2 * $2::int4) n",
    ),
    (
        "outbox",
        "INSERT INTO outbox (exchange, event, created_at, leased_until, published_at)
         SELECT 'user_login_event', jsonb_build_object('id', gen_random_uuid(), 'type', 'user_login_event',
            'data', jsonb_build_object('user_id', $1::int8 + n)), now() - make_interval(secs => n % 60), now(), now()
         FROM generate_series(1, greatest(1, $2::int4 / 4)) n",
    ),
    (
        "idempotency_keys",
        "INSERT INTO idempotency_keys (key_digest, body_digest, user_id, response)
         SELECT 'filled-' || $1::int8 + n, 'body', $1::int8 + n, '{}' FROM generate_series(1, $2::int4, 10) n",
    ),
    (
        "tickets",
        "INSERT INTO tickets (digest, purpose, user_id, email_key, credentials_epoch, code_digest, expires_at)
         SELECT 'filled-' || $1::int8 + n, 'verification', $1::int8 + n, 'person' || $1::int8 + n || '@filled.example', 0,
            'code', now() + make_interval(mins => 30 + n % 10000)
         FROM generate_series(1, $2::int4, 10) n",
    ),
    (
        "totp_factors",
        "INSERT INTO totp_factors (user_id, factor_id, sealed_secret, confirmed_at)
         SELECT $1::int8 + n, gen_random_uuid(), 'sealed', now() FROM generate_series(5, $2::int4, 10) n",
    ),
    (
        "recovery_codes",
        "INSERT INTO recovery_codes (user_id, digest)
         SELECT $1::int8 + n, 'filled-' || $1::int8 + n || '-' || code
         FROM generate_series(5, $2::int4, 10) n, generate_series(1, 8) code",
    ),
    (
        "passkeys",
        "INSERT INTO passkeys (id, user_id, credential_id, public_key, name, sign_count, backup)
         SELECT gen_random_uuid(), $1::int8 + n, 'filled-' || $1::int8 + n, 'key', 'Phone', 0, 'none'
         FROM generate_series(7, $2::int4, 5) n",
    ),
    (
        "passkey_handles",
        "INSERT INTO passkey_handles (user_id) SELECT $1::int8 + n FROM generate_series(7, $2::int4, 5) n",
    ),
    (
        "oauth_consents",
        "INSERT INTO oauth_consents (user_id, client_id, scopes)
         SELECT $1::int8 + n, '00000000-0000-4000-8000-00000000f111', '{openid}' FROM generate_series(3, $2::int4, 10) n",
    ),
];

/// The application that consents are for.
const CLIENT: &str = "INSERT INTO oauth_clients (id, name, redirect_uris, post_logout_redirect_uris, scopes, grants)
    VALUES ('00000000-0000-4000-8000-00000000f111', 'Filled', '{}', '{}', '{openid}', '{}') ON CONFLICT DO NOTHING";

/// The tables that are filled.
pub fn tables() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|(table, _)| *table)
}

/// The relations that grow: the tables, and of one in partitions those partitions that have grown.
pub fn relations(sql: &mut Client) -> Result<Vec<String>, ::postgres::Error> {
    // What is in no partitions has no tree.
    const GROWN: &str = "SELECT coalesce(p.relid, t::regclass)::regclass::text
        FROM unnest($1::text[]) t LEFT JOIN LATERAL pg_partition_tree(t::regclass) p ON p.isleaf
        WHERE p.relid IS NULL OR pg_relation_size(p.relid) > 1000000 ORDER BY 1";
    let names: Vec<&str> = tables().collect();
    Ok(sql.query(GROWN, &[&names])?.iter().map(|row| row.get(0)).collect())
}

/// Everybody's address.
pub fn email(id: i64) -> String {
    format!("person{id}@filled.example")
}

/// What was filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filled {
    /// The id of the first person.
    pub first: i64,
    /// The id of the last one.
    pub last: i64,
}

/// Adds so many people to a migrated database, and has PostgreSQL look at its tables anew. `tell` is called with a line for each
/// step that is done.
///
/// All have the password of `password_hash`, sign-ins of the last weeks and, one in ten or five each, a factor, a passkey, an
/// unconfirmed address, a ticket, metadata and a consent.
///
/// # Errors
/// When a statement fails; then nothing was added. Owners of the tables may do all of it.
pub fn fill(
    sql: &mut Client,
    people: u32,
    password_hash: &str,
    tell: &mut dyn FnMut(&str),
) -> Result<Filled, ::postgres::Error> {
    // More than an int4 of them would be beyond what a run can make.
    let people = i32::try_from(people).unwrap_or(i32::MAX);
    let mut transaction = sql.transaction()?;
    let names: Vec<&str> = tables().collect();
    transaction.batch_execute(&format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", names.join(", ")))?;
    transaction.batch_execute("SET LOCAL maintenance_work_mem = '1GB'; SET LOCAL synchronous_commit = off")?;
    transaction.execute("SELECT set_config('concierge.fill_hash', $1, true)", &[&password_hash])?;
    transaction.batch_execute(NAMES)?;
    transaction.execute(CLIENT, &[])?;
    let before: i64 = transaction.query_one("SELECT coalesce(max(id), 0) FROM users", &[])?.get(0);
    let again = leave_out(&mut transaction, &names)?;
    for (table, statement) in ROWS {
        let start = Instant::now();
        let rows = transaction.execute(statement, &[&before, &people])?;
        tell(&format!("{table}: {rows} rows in {:.1} s", start.elapsed().as_secs_f64()));
    }
    for statement in again {
        let start = Instant::now();
        transaction.batch_execute(&statement)?;
        if start.elapsed().as_secs() > 0 {
            tell(&format!("{statement}: {:.1} s", start.elapsed().as_secs_f64()));
        }
    }
    let last = before + i64::from(people);
    transaction.execute("SELECT setval(pg_get_serial_sequence('users', 'id'), $1)", &[&last])?;
    transaction.commit()?;
    let start = Instant::now();
    sql.batch_execute(&format!("VACUUM ANALYZE {}", names.join(", ")))?;
    tell(&format!("vacuumed in {:.1} s", start.elapsed().as_secs_f64()));
    Ok(Filled { first: before + 1, last })
}

/// Takes away what would be done for each row; gives the statements that bring it back.
fn leave_out(transaction: &mut Transaction<'_>, tables: &[&str]) -> Result<Vec<String>, ::postgres::Error> {
    let references = "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
            format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY ($1::text[]::regclass[]) ORDER BY oid";
    let indexes = "SELECT format('DROP INDEX %s', indexrelid::regclass), replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ')
        FROM pg_index WHERE indrelid = ANY ($1::text[]::regclass[])
            AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid) ORDER BY indexrelid";
    let triggers =
        "SELECT format('ALTER TABLE %s DISABLE TRIGGER USER', t), format('ALTER TABLE %s ENABLE TRIGGER USER', t)
        FROM unnest($1::text[]::regclass[]) t";
    let mut again = Vec::new();
    for question in [triggers, references, indexes] {
        let mut back = Vec::new();
        for row in transaction.query(question, &[&tables])? {
            transaction.batch_execute(row.get(0))?;
            back.push(row.get(1));
        }
        again.splice(0..0, back);
    }
    Ok(again)
}
